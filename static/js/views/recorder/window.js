// @ts-check
// Which seconds of a flight are shown. Pure.

/** @typedef {{from: number, to: number}} Window @typedef {import("./words.js").Flight} Flight */

const LONG_MS = 12_000;
const SHORTEST_MS = 200;

/** @param {Flight[]} flights @returns {Window} all of them, from the first thing to the last */
export const whole = (flights) => ({ from: Math.min(...flights.map(({ from_ms }) => from_ms)), to: Math.max(...flights.map(({ to_ms }) => to_ms)) });

/** @param {Flight[]} flights @param {boolean} narrow on a phone a little less @returns {Window} the seconds around the fault */
export function around(flights, narrow) {
  const all = whole(flights);
  const ends = flights.map(({ results }) => results.gap_to_ms ?? (results.gap_from_ms === null ? 0 : 6_000));
  const [before, after, least, most] = narrow ? [-500, 900, 2_500, 5_000] : [-2_000, 2_000, 6_000, 20_000];
  return { from: Math.max(all.from, before), to: Math.min(all.to, Math.min(most, Math.max(least, Math.max(...ends) + after))) };
}

/** @param {Flight[]} flights @param {boolean} narrow @returns {Window} what is shown first */
export function first(flights, narrow) {
  const all = whole(flights);
  return narrow || all.to - all.from > LONG_MS ? around(flights, narrow) : all;
}

/** @param {Window} now @param {Window} all @param {"closer" | "wider" | "earlier" | "later"} way @returns {Window} */
export function moved(now, all, way) {
  const long = now.to - now.from;
  const middle = now.from <= 0 && now.to >= 0 && way === "closer" ? Math.min(now.from + long / 2, long / 4) : now.from + long / 2;
  const next = { closer: long / 2, wider: long * 2, earlier: long, later: long }[way];
  const shift = way === "earlier" ? -long / 2 : way === "later" ? long / 2 : 0;
  const wanted = Math.min(all.to - all.from, Math.max(SHORTEST_MS, next));
  const from = Math.max(all.from, Math.min(all.to - wanted, middle + shift - wanted / 2));
  return { from, to: from + wanted };
}
