// @ts-check
// The lanes of operations: a row for each way in which one may end, and a mark for each operation as long as there is room for it.
import { KINDS } from "./words.js";
import { draw } from "../../dom.js";
import { PITCH, SHAPES, marks } from "./shapes.js";

/** @typedef {import("./words.js").Operation} Operation */
/** @typedef {{left: number, right: number, from: number, to: number, narrow: boolean, top: number, short: boolean, x: (ms: number) => number, now: number | null}} Scale  `now` is the Unix ms of 0 where time runs on */

const HEAD = 20;
const TALL = { tick: 20, cross: 16, triangle: 18, box: 16 };

/**
 * Where the marks of one row stand: one for each operation, or one for all that would touch it. Where time runs on, what falls into the same
 * milliseconds stays one mark, so that it moves on and does not flicker.
 * @param {Operation[]} operations @param {Scale} scale @param {number} pitch
 * @returns {{xs: number[], most: number}} and how many the fullest mark stands for
 */
export function spread(operations, scale, pitch) {
  const each = (pitch * (scale.to - scale.from)) / (scale.right - scale.left);
  /** @type {number[]} */
  const xs = [];
  let [most, count, last] = [1, 0, -Infinity];
  for (const [at] of operations) {
    if (at < scale.from || at > scale.to) continue;
    const place = scale.now === null ? at : Math.floor((at + scale.now) / each) * each - scale.now;
    if (scale.now === null ? at - last < each : place === last) count += 1;
    else {
      count = 1;
      last = place;
      xs.push(scale.x(Math.max(place, scale.from)));
    }
    most = Math.max(most, count);
  }
  return { xs, most };
}

/**
 * @param {string} title @param {Operation[]} operations @param {string[]} codes the rows, from above
 * @param {string} one what one operation is called @param {Scale} scale @param {number} top
 * @returns {{parts: SVGElement[], bottom: number, rows: Map<string, number>}} with the middle of each row
 */
export function lane(title, operations, codes, one, scale, top) {
  const parts = [];
  const rows = new Map();
  let [y, most] = [top + HEAD, 1];
  for (const code of codes) {
    const kind = KINDS[code];
    const tall = TALL[kind.shape];
    const own = operations.filter(([, , ended]) => ended === code);
    const found = spread(own, scale, PITCH[kind.shape]);
    most = Math.max(most, found.most);
    const label = draw("text", { class: `row ${kind.sense}${kind.words === kind.words.toUpperCase() ? " mono" : ""}`, x: scale.left - 8, y: y + tall / 2 + 4, "text-anchor": "end" }, scale.narrow ? kind.short : kind.words);
    parts.push(label, marks(kind.shape, kind.sense, found.xs.map((x) => SHAPES[kind.shape](x, y, tall)).join("")));
    rows.set(code, y + tall / 2);
    y += tall;
  }
  const unit = most > 1 ? `one mark, up to ${most.toLocaleString("en-US")} ${one}s` : `every ${one} its own mark`;
  const head = draw("text", { class: "head", x: 0, y: top + 15 }, draw("tspan", { class: "title" }, title), draw("tspan", { class: "tick", dx: 8 }, unit));
  return { parts: [head, ...parts], bottom: y + 6, rows };
}

/** @param {Operation[][]} many @param {string} always @returns {string[]} the codes that occur, in the order of their rows */
export function occurring(many, always) {
  const there = new Set([always, ...many.flat().map(([, , code]) => code)]);
  return Object.keys(KINDS).filter((code) => there.has(code) && (always !== "h" || code !== "a"));
}
