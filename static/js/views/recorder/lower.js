// @ts-check
// The lanes below the operations: where the primary endpoint leads, and how long accepted writes took.
import { draw } from "../../dom.js";

/** @typedef {import("./words.js").Flight} Flight @typedef {import("./marks.js").Scale} Scale */

const PITCH = 3;
const BREAK_MS = 400;
const FLOOR_MS = 0.1;

/**
 * Where the primary endpoint led, one span after the other. What was so before the first move is known if the flight has a server's role, or if the fault made it move away.
 * @param {Flight} flight @returns {{from: number, to: number, servers: string[]}[]}
 */
export function led(flight) {
  const moves = flight.moves.filter(([, endpoint]) => endpoint.startsWith("primary")).sort((a, b) => a[0] - b[0]);
  const known = flight.roles.filter(([at, , role]) => role === "primary" && at <= Math.max(flight.from_ms, Math.min(0, moves[0]?.[0] ?? 0))).at(-1);
  const before = known ? [known[1]] : flight.fault.server && moves.some(([, , targets]) => !targets.includes(flight.fault.server)) ? [flight.fault.server] : [];
  /** @type {[number, string[]][]} */
  const steps = [[flight.from_ms, before], ...moves.map(([at, , targets]) => /** @type {[number, string[]]} */ ([Math.max(at, flight.from_ms), targets]))];
  return steps.map(([from, servers], index) => ({ from, servers, to: steps[index + 1]?.[0] ?? flight.to_ms })).filter(({ from, to }) => to > from);
}

/** @param {Flight} flight @param {Scale} scale @param {number} top */
export function endpointLane(flight, scale, top) {
  const y = top + (scale.narrow ? 22 : 6);
  const parts = [draw("text", { class: "head", x: 0, y: top + 15 }, draw("tspan", { class: "title" }, "Primary endpoint"))];
  let below = 0;
  for (const [index, { from, to, servers }] of led(flight).entries()) {
    const [left, right] = [Math.max(scale.left, scale.x(from)), Math.min(scale.right, scale.x(to))];
    if (right <= left) continue;
    const words = servers.join(", ") || (index ? "no server" : "not known");
    parts.push(draw("rect", { class: `band${servers.length ? "" : " nowhere"}${index % 2 ? " next" : ""}`, x: left, y, width: right - left, height: 18 }));
    if (index) parts.push(draw("path", { class: "move", d: `M${left.toFixed(1)} ${y - 4}v26` }));
    if (right - left > words.length * 7 + 12) parts.push(draw("text", { class: "mono", x: left + 7, y: y + 13 }, words));
    else if (index) {
      const end = left + words.length * 7 > scale.right;
      below = 15;
      parts.push(draw("text", { class: "mono", x: end ? scale.right : left, y: y + 31, "text-anchor": end ? "end" : "start" }, words));
    }
  }
  return { parts, bottom: y + 24 + below };
}

/** @param {Flight} flight @param {Scale} scale @param {number} top */
export function latencyLane(flight, scale, top) {
  const [high, low] = [top + 26, top + 74];
  const slowest = Math.max(10, ...flight.writes.filter(([, , code]) => "alw".includes(code)).map(([, took]) => took));
  const decades = Math.ceil(Math.log10(slowest / FLOOR_MS) - 1e-9);
  const y = (/** @type {number} */ ms) => low - ((low - high) * Math.log10(Math.max(ms, FLOOR_MS) / FLOOR_MS)) / decades;
  const parts = [draw("text", { class: "head", x: 0, y: top + 15 }, draw("tspan", { class: "title" }, "Write latency"), draw("tspan", { class: "tick", dx: 8 }, "slowest, ms, log scale"))];
  for (let power = 0; power <= decades; power += decades > 3 ? 2 : 1) {
    const ms = FLOOR_MS * 10 ** power;
    parts.push(draw("line", { class: "lane", x1: scale.left, x2: scale.right, y1: y(ms), y2: y(ms) }), draw("text", { class: "tick", x: scale.left - 8, y: y(ms) + 4, "text-anchor": "end" }, ms.toLocaleString("en-US")));
  }
  parts.push(draw("path", { class: "line", d: line(flight, scale, y) }));
  return { parts, bottom: low + 6 };
}

/** @param {Flight} flight @param {Scale} scale @param {(ms: number) => number} y the slowest accepted write of each few pixels; broken where none was accepted */
function line(flight, scale, y) {
  /** @type {Map<number, {at: number, took: number}>} */
  const slowest = new Map();
  for (const [at, took, code] of flight.writes) {
    if (!"alw".includes(code) || at < scale.from || at > scale.to) continue;
    const place = Math.floor((scale.x(at) - scale.left) / PITCH);
    const there = slowest.get(place);
    if (!there || took > there.took) slowest.set(place, { at, took });
  }
  const wide = Math.max(BREAK_MS, (12 * (scale.to - scale.from)) / (scale.right - scale.left));
  let last = -Infinity;
  return [...slowest.values()].sort((a, b) => a.at - b.at).map(({ at, took }) => {
    const piece = `${at - last > wide ? "M" : "L"}${scale.x(at).toFixed(1)} ${y(took).toFixed(1)}`;
    last = at;
    return piece;
  }).join("");
}
