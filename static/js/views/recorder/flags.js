// @ts-check
// The lane of the sentinels: a row of pins for each, and flags with their own words below, laid out so that no two of them meet.
import { draw } from "../../dom.js";

/** @typedef {{x: number, from: string, text: string, width: number, weight: number}} Flag @typedef {Flag & {row: number, side: "left" | "right"}} Placed */

const TOGETHER_MS = 700;
const ROW = 15;
const PINS = 12;
const MOST_ROWS = 9;
const MOST_FLAGS = 40;
const FIRST = ["+switch-master", "+odown", "+sdown", "+elected-leader", "+promoted-slave", "+try-failover", "+selected-slave", "+tilt", "-tilt", "-sdown", "+convert-to-slave", "+new-epoch"];

/**
 * The same word of several sentinels at nearly the same time is one flag.
 * @param {[number, string, string, string][]} events
 * @returns {{at: number, from: string, event: string, times: number}[]} `from` is who said it first
 */
export function grouped(events) {
  /** @type {{at: number, from: string, event: string, times: number}[]} */
  const groups = [];
  for (const [at, from, event] of [...events].sort((a, b) => a[0] - b[0])) {
    const there = groups.find((group) => group.event === event && at - group.at <= TOGETHER_MS);
    if (there) there.times += 1;
    else groups.push({ at, from, event, times: 1 });
  }
  return groups;
}

/**
 * Rows and sides for flags in order of x: the earlier ones of a cluster to the left, going down, the later ones to the right, going up. Stems then cross no label.
 * @param {Flag[]} flags @param {number} left @param {number} right @returns {Placed[]}
 */
export function laidOut(flags, left, right) {
  const widest = Math.max(0, ...flags.map(({ width }) => width));
  /** @type {Flag[][]} */
  const clusters = [];
  for (const flag of flags) {
    const last = clusters.at(-1);
    if (last && flag.x - last[last.length - 1].x < 2 * widest) last.push(flag);
    else clusters.push([flag]);
  }
  return clusters.flatMap((cluster) => {
    const splits = Array.from({ length: cluster.length + 1 }, (_, index) => split(cluster, index, left, right));
    return splits.reduce((best, other) => (cost(other, left, right) < cost(best, left, right) ? other : best));
  });
}

/** @param {Placed} flag @param {number} left @param {number} right */
const over = ({ x, width, side }, left, right) => (side === "left" ? x - width < left : x + width > right);

/** @param {Placed[]} placed @param {number} left @param {number} right */
function cost(placed, left, right) {
  return placed.filter((flag) => over(flag, left, right)).length * 100 + Math.max(0, ...placed.map(({ row }) => row));
}

/** @param {Flag[]} cluster @param {number} index how many go to the left @param {number} left @param {number} right @returns {Placed[]} */
function split(cluster, index, left, right) {
  /** @type {Placed[]} */
  const placed = [];
  const place = (/** @type {Flag} */ flag, /** @type {"left" | "right"} */ side) => {
    const [low, high] = side === "left" ? [flag.x - flag.width, flag.x] : [flag.x, flag.x + flag.width];
    const under = placed.filter((other) => other.side === side && other.x >= low && other.x <= high).map(({ row }) => row);
    placed.push({ ...flag, side, row: Math.max(-1, ...under) + 1 });
  };
  cluster.slice(0, index).forEach((flag) => place(flag, "left"));
  [...cluster.slice(index)].reverse().forEach((flag) => place(flag, "right"));
  return placed;
}

/**
 * @param {[number, string, string, string][]} events @param {import("./marks.js").Scale} scale @param {number} top @param {number} rows the fewest, so that two flights have lanes of one height
 * @returns {{parts: SVGElement[], bottom: number}}
 */
export function sentinelLane(events, scale, top, rows) {
  const seen = events.filter(([at]) => at >= scale.from && at <= scale.to);
  const names = [...new Set(events.map(([, sentinel]) => sentinel))].sort();
  const { placed, left } = fitted(seen, scale);
  const parts = [draw("text", { class: "head", x: 0, y: top + 15 }, draw("tspan", { class: "title" }, "Sentinel"), draw("tspan", { class: "tick", dx: 8 }, left ? `${left} more in the table` : "in its own words"))];
  names.forEach((name, index) => parts.push(draw("text", { class: "row mono", x: scale.left - 8, y: top + 20 + index * PINS + 10, "text-anchor": "end" }, scale.narrow ? name.replace("sentinel-", "") : name)));
  const pinOf = (/** @type {string} */ sentinel) => top + 26 + names.indexOf(sentinel) * PINS;
  const under = top + 22 + Math.max(3, names.length) * PINS;
  for (const { x, from, text, side, row } of placed) {
    const [way, y] = [side === "left" ? -5 : 5, under + row * ROW + 8];
    parts.push(draw("path", { class: "flag", d: `M${x.toFixed(1)} ${pinOf(from)}V${y}h${way}` }));
    parts.push(draw("text", { class: "mono", x: x + way * 1.6, y: y + 4, "text-anchor": side === "left" ? "end" : "start" }, text));
  }
  for (const [at, sentinel] of seen) parts.push(draw("circle", { class: "pin", cx: scale.x(at), cy: pinOf(sentinel), r: 2.75 }));
  return { parts, bottom: under + Math.max(rows, 1 + Math.max(-1, ...placed.map(({ row }) => row))) * ROW + 8 };
}

/** @param {[number, string, string, string][]} seen @param {import("./marks.js").Scale} scale as many flags as there are rows for, the weightiest */
function fitted(seen, scale) {
  const letter = 7;
  let flags = grouped(seen).map(({ at, from, event, times }) => {
    const text = times > 1 ? `${event} ×${times}` : event;
    const weight = FIRST.includes(event) ? FIRST.length - FIRST.indexOf(event) : 0;
    return { x: scale.x(at), from, text, width: text.length * letter + 14, weight };
  });
  const all = flags.length;
  const weighty = new Set([...flags].sort((a, b) => b.weight - a.weight).slice(0, MOST_FLAGS));
  flags = flags.filter((flag) => weighty.has(flag));
  const most = scale.short ? 4 : scale.narrow ? 6 : MOST_ROWS;
  const [left, right] = [scale.narrow ? 0 : scale.left, scale.right + (scale.narrow ? 6 : 24)];
  for (;;) {
    const placed = laidOut(flags, left, right);
    const outside = placed.filter((flag) => over(flag, left, right));
    if (!outside.length && Math.max(0, ...placed.map(({ row }) => row)) < most) return { placed, left: all - flags.length };
    const least = (outside.length ? outside : placed).reduce((low, flag) => (flag.weight <= low.weight ? flag : low));
    flags = flags.filter(({ x, text }) => x !== least.x || text !== least.text);
  }
}
