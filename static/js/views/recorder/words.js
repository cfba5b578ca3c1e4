// @ts-check
// What the letters of a flight mean, and a flight in one sentence. The letters are those of labs.load.flight.
import { figure } from "../../island.js";

/**
 * @typedef {[number, number, string, number]} Operation  ms after the fault, ms that it took, how it ended, its number
 * @typedef {{downtime_ms: number | null, gap_from_ms: number | null, gap_to_ms: number | null, written: number, acknowledged: number, lost: number, refused: number, promoted: string, recounted?: boolean, tilt_ms?: number, stalled_ms?: number}} Results
 * @typedef {{kind: string, version: number, name: string, title: string, lab: string, at: number, versions: Record<string, string>, isolation: string, settings: [string, string][],
 *   fault: {verb: string, server: string, zone: string, words: string}, marks: [number, string][], from_ms: number, to_ms: number, writes: Operation[], reads: Operation[],
 *   sentinels: [number, string, string, string][], moves: [number, string, string[]][], roles: [number, string, string][], results: Results, live?: boolean}} Flight
 * @typedef {{words: string, short: string, sense: string, shape: "tick" | "cross" | "triangle" | "box"}} Kind
 */

/** @type {Record<string, Kind>} in the order of their rows, from above */
export const KINDS = {
  l: { words: "acknowledged, then lost", short: "lost", sense: "stale", shape: "triangle" },
  a: { words: "acknowledged", short: "OK", sense: "write", shape: "tick" },
  h: { words: "answered", short: "OK", sense: "hit", shape: "tick" },
  w: { words: "too few replicas", short: "too few", sense: "write", shape: "box" },
  o: { words: "READONLY", short: "READONLY", sense: "error", shape: "cross" },
  n: { words: "NOREPLICAS", short: "NOREPL.", sense: "error", shape: "cross" },
  e: { words: "another error", short: "error", sense: "error", shape: "cross" },
  f: { words: "connection refused", short: "refused", sense: "error", shape: "cross" },
  r: { words: "connection reset", short: "reset", sense: "error", shape: "cross" },
  t: { words: "timed out", short: "timeout", sense: "error", shape: "cross" },
};
export const FAILED = "onefrt";
const MEANT = { l: "the primary said OK, and no server has it now", w: "acknowledged by fewer replicas than WAIT asked for", f: "no server listened", r: "the connection broke", t: "no answer in time" };

/** @param {string} code @returns {string} what the key says of it */
export function meaning(code) {
  const kind = KINDS[code];
  return code === "w" ? MEANT.w : kind?.words ?? code;
}

/** @param {string} code */
export const more = (code) => MEANT[/** @type {"l"} */ (code)] ?? "";

/** @param {number | null | undefined} ms @param {number} [decimals] */
export const seconds = (ms, decimals = 2) => (typeof ms === "number" ? figure(ms / 1000, decimals) : "–");

/** @param {Operation[]} operations @returns {Map<string, number>} how many ended each way */
export function counted(operations) {
  const found = new Map();
  for (const [, , code] of operations) found.set(code, (found.get(code) ?? 0) + 1);
  return found;
}

/** @param {Flight} flight @returns {number | null} ms after the fault at which the promoted server said of itself that it is a primary */
export function promotedAt(flight) {
  const { promoted } = flight.results;
  const role = flight.roles.find(([at, server, as]) => at >= 0 && server === promoted && as === "primary");
  const move = flight.moves.find(([at, , targets]) => at >= 0 && targets.includes(promoted));
  return promoted ? role?.[0] ?? move?.[0] ?? null : null;
}

/** @param {Flight} flight @returns {string} the gap in words; empty if there was none */
export function gapWords({ results }, short = false) {
  if (results.gap_from_ms === null) return "";
  const what = short ? "no write" : "no write accepted";
  return results.gap_to_ms === null ? `${what} to the end` : `${what} for ${seconds(results.gap_to_ms - results.gap_from_ms)} s`;
}

/** @param {string} words @returns {string} as a sentence begins, unless it begins with the name of a server */
export const titled = (words) => (/^[^ ]*[-0-9]/.test(words) ? words : words.slice(0, 1).toUpperCase() + words.slice(1));

/** @param {Flight} flight @returns {string} all of it, for those who don't see the drawing */
export function sentence(flight) {
  const { results, fault } = flight;
  const at = promotedAt(flight);
  const moved = flight.moves.find(([when, endpoint]) => when > 0 && endpoint.startsWith("primary"));
  const of = `${figure(results.lost, 0)} of ${figure(results.acknowledged, 0)} acknowledged ${results.acknowledged === 1 ? "write" : "writes"}`;
  const [tilted, stalled] = [results.tilt_ms ?? 0, results.stalled_ms ?? 0];
  return [
    `${titled(fault.words || flight.title)}.`,
    results.gap_from_ms === null ? "Writes went on." : results.gap_to_ms === null ? "No write was accepted until the record ends." : `No write was accepted for ${seconds(results.gap_to_ms - results.gap_from_ms)} s.`,
    results.promoted ? `${results.promoted} was promoted${at === null ? "" : ` and a primary after ${seconds(at)} s`}${moved ? `, and the primary endpoint led to ${moved[2].join(", ") || "no server"} after ${seconds(moved[0])} s` : ""}.` : "No server was promoted.",
    results.recounted === false ? `The lost writes could not be counted. ${figure(results.refused, 0)} were refused.` : `${of} ${results.lost === 1 ? "was" : "were"} lost, ${figure(results.refused, 0)} refused.`,
    tilted ? `Sentinels were in TILT mode for ${seconds(tilted, 1)} s of it and started no failover then: compare it with others only if you leave that time out.` : "",
    stalled ? `The machine stalled for ${seconds(stalled, 1)} s of it: nothing ran then.` : "",
  ].filter(Boolean).join(" ");
}
