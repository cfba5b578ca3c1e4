// @ts-check
// The words of a drawing: of a server's state, its engine, what a command meant. Which words, the page says (portal/bench/words.py).

/** @typedef {Record<string, string>} Words */
/** @type {{engines: Words, states: Words, meanings: Words, checks: Words, guide: Words, lead: Words, sentinels: Words, tilt: Words, noReplica: string, connection: Record<string, [string, string]>, failing: Record<string, string>, measured: Words}} */
export const WORDS = JSON.parse(document.getElementById("words")?.textContent ?? "");

/** @param {string} state @param {string} why */
export function saidOf(state, why) {
  const words = WORDS.states[state] ?? "";
  return words && why ? `${words}: ${why}` : words;
}

/** @param {string} engine @param {string} version one of two words ("Valkey 8.0.1") is already both */
export function engineWords(engine, version) {
  return version.includes(" ") ? version : `${WORDS.engines[engine] ?? engine} ${version}`.trimEnd();
}

/** @param {string} text @param {number} longest */
export function shortened(text, longest) {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).trimEnd()}…`;
}
