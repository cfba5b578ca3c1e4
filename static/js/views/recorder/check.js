// @ts-check
// Whether a document is a flight: a file may hold anything. The same rules as in portal/bench/flight.py.
import { KINDS } from "./words.js";

export const LARGEST = 1024 * 1024;
const OPERATIONS = 20_000;
const LONGEST_MS = 600_000;
const WRITE_CODES = "alwonertfs";

/** @typedef {(value: unknown) => boolean} Rule */

/** @type {(least: number, most: number) => Rule} */
const number = (least, most) => (value) => typeof value === "number" && Number.isFinite(value) && value >= least && value <= most;
/** @type {(most: number) => Rule} */
const text = (most) => (value) => typeof value === "string" && value.length <= most && !/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}]/u.test(value);
/** @type {(most: number, each: Rule) => Rule} */
const list = (most, each) => (value) => Array.isArray(value) && value.length <= most && value.every(each);
/** @type {(...parts: Rule[]) => Rule} */
const row = (...parts) => (value) => Array.isArray(value) && value.length === parts.length && parts.every((part, index) => part(value[index]));
/** @type {(rule: Rule) => Rule} */
const orNone = (rule) => (value) => value === null || value === undefined || rule(value);
/** @type {(rule: Rule) => Rule} */
const maybe = (rule) => (value) => value === undefined || rule(value);

const moment = number(-LONGEST_MS, LONGEST_MS);
const earlier = number(-86_400_000, LONGEST_MS);
const took = number(0, LONGEST_MS);
/** @type {Rule} */
const count = (value) => number(0, 2 ** 53)(value) && Number.isInteger(value);
/** @type {(codes: string) => Rule} */
const code = (codes) => (value) => typeof value === "string" && value.length === 1 && codes.includes(value);
const [word, words] = [text(80), text(200)];

/** @type {[string, Rule][]} */
const RULES = [
  ["name", word], ["title", (value) => words(value) && value !== ""], ["lab", word], ["at", number(0, 4e9)],
  ["versions", maybe((value) => isPlain(value) && list(12, row(word, word))(Object.entries(/** @type {object} */ (value))))],
  ["isolation", maybe(word)], ["settings", maybe(list(40, row(word, words)))],
  ["fault", (value) => isPlain(value) && word(field(value, "verb")) && maybe(word)(field(value, "server")) && maybe(word)(field(value, "zone")) && maybe(words)(field(value, "words"))],
  ["marks", maybe(list(50, row(moment, words)))], ["from_ms", moment], ["to_ms", moment],
  ["writes", list(OPERATIONS, row(moment, took, code(WRITE_CODES), count))], ["reads", maybe(list(OPERATIONS, row(moment, took, code(`h${WRITE_CODES}`), count)))],
  ["sentinels", maybe(list(1_000, row(moment, word, word, words)))], ["moves", maybe(list(200, row(earlier, word, list(12, word))))], ["roles", maybe(list(200, row(earlier, word, word)))],
  ["results", (value) => isPlain(value) && ["written", "acknowledged", "lost", "refused"].every((name) => count(field(value, name)))
    && [["downtime_ms", took], ["gap_from_ms", moment], ["gap_to_ms", moment]].every(([name, rule]) => orNone(/** @type {Rule} */ (rule))(field(value, /** @type {string} */ (name)))) && maybe(word)(field(value, "promoted"))],
];

/** @param {unknown} value */
const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @param {unknown} value @param {string} name */
const field = (value, name) => /** @type {Record<string, unknown>} */ (value)[name];

/**
 * The document as a flight, operations in order; throws an Error whose message is for whoever opened it.
 * @param {unknown} document @returns {import("./words.js").Flight}
 */
export function checked(document) {
  if (!isPlain(document) || field(document, "kind") !== "flight") throw new Error("This is not a flight of the flight recorder.");
  if (field(document, "version") !== 1) throw new Error("This flight was written by another version of the flight recorder.");
  const wrong = RULES.find(([name, rule]) => !rule(field(document, name)));
  if (wrong) throw new Error(`This flight can’t be drawn: its part “${wrong[0]}” is not as it has to be.`);
  const flight = /** @type {any} */ (document);
  if (flight.from_ms >= flight.to_ms) throw new Error("This flight can’t be drawn: it ends before it begins.");
  const { results, fault } = flight;
  const sorted = (/** @type {any[][] | undefined} */ rows) => [...(rows ?? [])].sort((a, b) => a[0] - b[0]);
  return {
    ...flight, versions: flight.versions ?? {}, settings: flight.settings ?? [], marks: sorted(flight.marks), writes: sorted(flight.writes).filter(([, , ended]) => KINDS[ended]), reads: sorted(flight.reads),
    sentinels: sorted(flight.sentinels), moves: sorted(flight.moves), roles: sorted(flight.roles), fault: { server: "", zone: "", words: "", ...fault },
    results: { ...results, downtime_ms: results.downtime_ms ?? null, gap_from_ms: results.gap_from_ms ?? null, gap_to_ms: results.gap_to_ms ?? null, promoted: results.promoted ?? "", recounted: results.recounted !== false },
  };
}

/** @param {string} raw the text of a file */
export function read(raw) {
  if (raw.length > LARGEST) throw new Error("This file is longer than a flight may be (1 MiB).");
  let document;
  try {
    document = JSON.parse(raw);
  } catch {
    throw new Error("This file is not JSON, so it is no flight.");
  }
  return checked(document);
}

/** @param {string} url @returns {Promise<import("./words.js").Flight>} */
export async function fetched(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.status === 404 ? "There is no flight at this address, or no longer." : `The flight could not be loaded (${response.status}).`);
  return read(await response.text());
}
