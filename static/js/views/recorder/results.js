// @ts-check
// What a flight came to, in large figures; and the key of its marks.
import { figure } from "../../island.js";
import { FAILED, KINDS, counted, meaning, promotedAt, seconds } from "./words.js";
import { draw, make, sense } from "../../dom.js";
import { SHAPES, marks } from "./shapes.js";

/** @typedef {import("./words.js").Flight} Flight */

/** @param {string} value @param {string} unit @param {(Node | string)[]} name */
function result(value, unit, ...name) {
  return make("div", { class: "result" }, make("span", { class: "value" }, value, ...(unit ? [" ", make("small", {}, unit)] : [])), make("span", { class: "name" }, ...name));
}

/** @param {Flight} flight */
export function results(flight) {
  const { results } = flight;
  const ways = counted(flight.writes);
  const kinds = [...FAILED].filter((code) => ways.get(code)).map((code) => `${figure(ways.get(code), 0)} ${KINDS[code].words}`);
  const at = promotedAt(flight);
  const down = results.gap_from_ms === null ? results.downtime_ms ?? 0 : results.gap_to_ms === null ? flight.to_ms - results.gap_from_ms : results.gap_to_ms - results.gap_from_ms;
  const few = ways.get("w") ?? 0;
  return make("div", { class: "recorder-results" },
    result(results.gap_to_ms === null && results.gap_from_ms !== null ? `over ${seconds(down, 1)}` : seconds(down), "s", "without an accepted write"),
    result(results.recounted === false ? "?" : figure(results.lost, 0), `of ${figure(results.acknowledged, 0)}`, sense("stale", "acknowledged, then lost")),
    result(figure(results.refused, 0), "", sense("error", "refused with an error"), ...(kinds.length ? [make("span", { class: "by-kind" }, kinds.join(", "))] : [])),
    result(at === null ? "–" : seconds(at), at === null ? "" : "s", results.promoted ? `until ${results.promoted} was a primary` : "no server was promoted"),
    ...(results.tilt_ms ? [result(seconds(results.tilt_ms, 1), "s", sense("error", "with sentinels in TILT mode"))] : []),
    ...(results.stalled_ms ? [result(seconds(results.stalled_ms, 1), "s", sense("error", "in which the machine stalled"))] : []),
    ...(few ? [result(figure(few, 0), "", sense("write", "acknowledged by too few replicas"))] : []));
}

/** A little drawing of a mark, as the strip has it. @param {string} shape @param {string} kind its class */
function sample(shape, kind) {
  const picture = draw("svg", { class: "strip-key", viewBox: "0 0 14 16", width: 14, height: 16, "aria-hidden": "true" });
  if (shape === "pin") picture.append(draw("path", { class: "flag", d: "M5 4V13h5" }), draw("circle", { class: "pin", cx: 5, cy: 4, r: 2.75 }));
  else if (shape === "gap") picture.append(draw("rect", { class: "gap", x: 0, y: 1, width: 14, height: 14 }), draw("path", { class: "bracket", d: "M1 6V2H13V6" }));
  else if (shape === "kill") picture.append(draw("line", { class: kind, x1: 7, x2: 7, y1: 0, y2: 16 }));
  else if (shape === "band") picture.append(draw("rect", { class: "band", x: 0.5, y: 3.5, width: 13, height: 9 }), draw("path", { class: "move", d: "M8 1v14" }));
  else picture.append(marks(/** @type {"tick"} */ (shape), kind, SHAPES[/** @type {"tick"} */ (shape)](7, 0, 16)));
  return picture;
}

/** @param {{writes: string[], reads: string[]}} rows @param {Flight[]} flights */
export function key(rows, flights) {
  const live = flights.some((flight) => flight.live);
  const [gap, again] = [flights.some(({ results }) => results.gap_from_ms !== null), flights.some(({ results }) => results.gap_to_ms !== null)];
  const entry = (/** @type {string} */ shape, /** @type {string} */ kind, /** @type {string} */ words) => make("li", {}, sample(shape, kind), make("span", { class: `words ${kind}` }, words));
  const failed = [...new Set([...rows.writes, ...rows.reads])].filter((code) => FAILED.includes(code));
  return make("ul", { class: "recorder-key", role: "list", "aria-label": "Key" },
    ...rows.writes.filter((code) => !FAILED.includes(code)).map((code) => entry(KINDS[code].shape, KINDS[code].sense, code === "a" ? "write acknowledged" : meaning(code))),
    entry("tick", "hit", "read answered"),
    ...(failed.length ? [entry("cross", "error", `failed, a row for each way: ${failed.map((code) => KINDS[code].words).join(", ")}`)] : []),
    ...(gap ? [entry("gap", "", "no write accepted")] : []), ...(live ? [] : [entry("kill", "kill", "the fault")]), ...(again ? [entry("kill", "back", "accepted again")] : []),
    entry("pin", "", "a sentinel’s word"), entry("band", "", "the primary endpoint moves"));
}
