// @ts-check
// The words of a drawing: of a server's state, its engine, of what a command meant. The same as in portal/bench/view.py.

const STATES = { starting: "is starting", up: "", paused: "is paused", down: "is down", stopped: "has stopped" };
const ENGINES = { redis: "Redis", memcached: "Memcached", postgres: "Postgres", instance: "Python", balancer: "Python", sentinel: "Sentinel" };
const MEANINGS = { hit: "hit", miss: "miss", read: "database read", write: "write", stale: "stale", error: "error", here: "answered", none: "answered" };
const LONGEST_REPLY = 14;
const LONGEST_WHY = 34;

/** @param {string} state @param {string} why */
export function stateWords(state, why) {
  return saidOf(state, why).slice(0, LONGEST_WHY);
}

/** @param {string} state @param {string} why */
export function saidOf(state, why) {
  const words = STATES[/** @type {"up"} */ (state)] ?? "";
  return words && why ? `${words}: ${why}` : words;
}

/** @param {string} sense @param {string} reply a short one is shown with the meaning */
export function replyWords(sense, reply) {
  const words = MEANINGS[/** @type {"hit"} */ (sense)];
  return !reply || reply.length > LONGEST_REPLY ? words : `${words}: ${reply}`;
}

/** @param {string} engine @param {string} version */
export function engineWords(engine, version) {
  const label = ENGINES[/** @type {"redis"} */ (engine)] ?? engine;
  return version.toLowerCase().startsWith(label.toLowerCase()) ? version : `${label} ${version}`;
}
