// @ts-check
// The strip: every operation and every event of a flight on one axis, drawn for the width that there is.
import { figure } from "../../island.js";
import { lane, occurring } from "./marks.js";
import { sentinelLane } from "./flags.js";
import { endpointLane, latencyLane } from "./lower.js";
import { gapWords, seconds, sentence } from "./words.js";
import { draw } from "../../dom.js";

/** @typedef {import("./words.js").Flight} Flight @typedef {import("./marks.js").Scale} Scale */

const STEPS_MS = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000];
const TOP = 34;
export const NARROW = 576;

/**
 * @param {Flight} flight @param {{from: number, to: number}} window ms after the fault @param {number} width in pixels
 * @param {{writes: string[], reads: string[]}} rows those of all flights that are compared @param {boolean} [short] where there is little height: without the lane of latency, with few rows of flags
 */
export function strip(flight, window, width, rows, short = false) {
  const narrow = width < NARROW;
  const scale = scaleOf(window, width, narrow, flight.live ? flight.at * 1000 : null, short);
  const { left, right, x } = scale;
  const writes = lane("Writes", flight.writes, rows.writes, "write", scale, scale.top);
  const reads = lane("Reads", flight.reads, rows.reads, "read", scale, writes.bottom);
  const sentinels = sentinelLane(flight.sentinels, scale, reads.bottom, short ? 3 : narrow ? 4 : 5);
  const endpoint = endpointLane(flight, scale, sentinels.bottom);
  const latency = short ? { parts: [], bottom: endpoint.bottom + 4 } : latencyLane(flight, scale, endpoint.bottom);
  const foot = latency.bottom;
  const axis = axisOf(flight, scale, foot);
  const svg = draw("svg", { class: "strip", viewBox: `0 0 ${width} ${axis.bottom}`, role: "img", "aria-label": flight.live ? "The last seconds of the writer and the readers, as they come." : sentence(flight) });
  const gap = gapOf(flight, scale, foot, writes.bottom);
  svg.append(...gap.under, ...axis.grid);
  for (const { bottom } of [writes, reads, sentinels, endpoint]) svg.append(draw("line", { class: "lane", x1: 0, x2: right, y1: bottom, y2: bottom }));
  if (!flight.live && x(0) >= left && x(0) <= right) svg.append(draw("line", { class: "kill", x1: x(0), x2: x(0), y1: TOP - 6, y2: foot + 4 }));
  for (const { parts } of [writes, reads, sentinels, endpoint, latency]) svg.append(...parts);
  svg.append(...lostWords(flight, scale, writes.rows.get("l")), ...gap.over, ...axis.labels);
  return svg;
}

/** @param {Flight[]} flights @returns {{writes: string[], reads: string[]}} */
export const rowsOf = (flights) => ({ writes: occurring(flights.map(({ writes }) => writes), "a"), reads: occurring(flights.map(({ reads }) => reads), "h") });

/** @param {{from: number, to: number}} window @param {number} width @param {boolean} narrow @param {number | null} now @param {boolean} short @returns {Scale} */
function scaleOf({ from, to }, width, narrow, now, short) {
  const [left, right] = [narrow ? 66 : 192, width - (narrow ? 6 : 24)];
  return { left, right, from, to, narrow, now, top: now === null ? TOP : 6, short, x: (ms) => left + ((ms - from) / (to - from)) * (right - left) };
}

/** @param {Flight} flight @param {Scale} scale @param {number} foot @param {number} half where the lane of writes ends */
function gapOf(flight, scale, foot, half) {
  const { gap_from_ms: begins, gap_to_ms: ends } = flight.results;
  if (flight.live || begins === null || begins > scale.to || (ends ?? Infinity) < scale.from) return { under: [], over: [] };
  const [from, to] = [Math.max(scale.left, scale.x(begins)), Math.min(scale.right, scale.x(ends ?? flight.to_ms))];
  const words = gapWords(flight, scale.narrow);
  const room = words.length * 3.9;
  const middle = Math.min(scale.right - room, Math.max((scale.narrow ? 0 : scale.left) + room, (from + to) / 2));
  const shown = [begins >= scale.from, ends !== null && ends <= scale.to];
  const bracket = `M${from.toFixed(1)} ${TOP - 6}V${TOP - 14}H${to.toFixed(1)}V${TOP - 6}`;
  const over = [
    draw("path", { class: "bracket", d: shown[0] && shown[1] ? bracket : `${shown[0] ? `M${from.toFixed(1)} ${TOP - 6}V${TOP - 14}` : `M${from.toFixed(1)} ${TOP - 14}`}H${to.toFixed(1)}${shown[1] ? `V${TOP - 6}` : ""}` }),
    draw("text", { class: "big", x: middle, y: 13, "text-anchor": "middle" }, words),
  ];
  if (shown[1]) over.push(draw("path", { class: "back", d: `M${to.toFixed(1)} ${TOP - 6}V${half}` }));
  return { under: [draw("rect", { class: "gap", x: from, y: TOP - 6, width: Math.max(1, to - from), height: foot - TOP + 6 })], over };
}

/** @param {Flight} flight @param {Scale} scale @param {number | undefined} y */
function lostWords(flight, scale, y) {
  const lost = flight.writes.filter(([at, , code]) => code === "l" && at >= scale.from && at <= scale.to);
  if (!lost.length || y === undefined || flight.live) return [];
  const all = flight.writes.filter(([, , code]) => code === "l").length;
  const words = lost.length < all ? `${figure(lost.length, 0)} of ${figure(all, 0)} lost` : `${figure(all, 0)} lost`;
  const [first, last] = [scale.x(lost[0][0]) - 10, scale.x(lost[lost.length - 1][0]) + 10];
  const before = first - words.length * 6.5 > scale.left;
  if (!before && last + words.length * 6.5 > scale.right) return [draw("text", { class: "lost", x: scale.right, y: y - 13, "text-anchor": "end" }, words)];
  return [draw("text", { class: "lost", x: before ? first : last, y: y + 4, "text-anchor": before ? "end" : "start" }, words)];
}

/** @param {Flight} flight @param {Scale} scale @param {number} foot */
function axisOf(flight, scale, foot) {
  const { left, right, from, to, narrow, x } = scale;
  const step = STEPS_MS.find((ms) => x(ms) - x(0) >= (narrow ? 46 : 76)) ?? 300_000;
  const [grid, labels] = [[], []].map((list) => /** @type {SVGElement[]} */ (list));
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    grid.push(draw("line", { class: "lane", x1: x(at), x2: x(at), y1: scale.top - 6, y2: foot }));
    const words = at === 0 ? (flight.live ? "now" : flight.fault.verb || "0") : `${at > 0 ? "+" : "-"}${(Math.abs(at) / 1000).toLocaleString("en-US")} s`;
    const atEnd = narrow && x(at) > right - 12;
    labels.push(draw("text", { class: at === 0 && !flight.live ? "tick fault-at" : "tick", x: atEnd ? right + 6 : x(at), y: foot + 17, "text-anchor": atEnd ? "end" : "middle" }, words));
  }
  labels.push(draw("line", { class: "axis", x1: left, x2: right, y1: foot, y2: foot }));
  let until = [-Infinity, -Infinity];
  let bottom = foot + 24;
  for (const [at, words] of flight.marks.filter(([at]) => Math.abs(at) > 1 && at >= from && at <= to)) {
    const [end, width] = [x(at) + words.length * 6.4 > right, words.length * 6.4 + 10];
    const begins = end ? x(at) - width : x(at) - 4;
    const row = until.findIndex((reached) => begins >= reached);
    labels.push(draw("path", { class: "mark-at", d: `M${x(at).toFixed(1)} ${TOP - 6}V${foot + 4}` }));
    if (row < 0) continue;
    until[row] = begins + width;
    bottom = Math.max(bottom, foot + 40 + row * 15);
    labels.push(draw("text", { class: "mark-words", x: x(at) + (end ? 0 : -2), y: foot + 33 + row * 15, "text-anchor": end ? "end" : "start" }, `${words}, ${seconds(at, 1)} s`));
  }
  return { grid, labels, bottom };
}
