// @ts-check
// One step of a race, drawn: its arrow between the lanes, and what was said. Words come from servers, so they are text and never markup.
import { draw, make, sense } from "../../js/dom.js";
import { shapeOf } from "../../js/shapes.js";

/** @typedef {Record<string, any>} Row */

/**
 * One step as a piece of the sequence: lanes from top to bottom, an arrow to the server and its answer back. Places are percent of the width.
 * @param {Row} row @param {string[]} lanes @param {Set<string>} open @param {boolean} stale
 */
export function picture(row, lanes, open, stale) {
  const picture = draw("svg", { class: "lanes", "aria-hidden": "true" });
  const place = (/** @type {string} */ lane) => `${((lanes.indexOf(lane) + 0.5) / lanes.length) * 100}%`;
  const line = (/** @type {string} */ name, /** @type {string} */ x1, /** @type {string} */ y1, /** @type {string} */ x2, /** @type {string} */ y2) => picture.append(draw("line", { class: name, x1, y1, x2, y2 }));
  if (stale) picture.append(draw("rect", { class: "band", x: `${((lanes.length - 2) / lanes.length) * 100}%`, y: "0", width: `${(1 / lanes.length) * 100}%`, height: "100%" }));
  for (const lane of lanes) line("lane", place(lane), "0", place(lane), "100%");
  const begins = row.step === "write DB" && row.meaning !== "waits";
  const ends = row.step === "commit";
  for (const letter of open) line(`lock ${letter.toLowerCase()}`, place("database"), "0", place("database"), letter === row.worker && ends ? "50%" : "100%");
  if (begins) line(`lock ${row.worker.toLowerCase()}`, place("database"), "50%", place("database"), "100%");
  if (row.meaning !== "left out") {
    if (begins) open.add(row.worker);
    if (ends) open.delete(row.worker);
    const server = placeOf(row.step, row.server);
    const to = place(server);
    const state = row.command ? row.meaning : row.meaning === "waits" ? "error" : "planned";
    line(`asks ${state}`, place(row.worker), "50%", to, "50%");
    picture.append(shapeAt(to, state, 0));
  }
  if (stale) picture.append(shapeAt(place("cache"), "stale", 17));
  return picture;
}

/** @param {string} x @param {string} state @param {number} aside in px */
function shapeAt(x, state, aside) {
  return draw("svg", { x, y: "50%", overflow: "visible" }, draw("path", { class: `shape ${state}`, transform: `translate(${aside} 0)`, d: shapeOf(state) }));
}

/** @param {string} step @param {string} server where it goes, known or read from its name */
export const placeOf = (step, server) => server || (/DB|commit/.test(step) ? "database" : "cache");

/** @param {string} text */
const oneLine = (text) =>
  String(text)
    .replace(/\s+/g, " ")
    .replaceAll('\\"', '"')
    .replace(/"?\{"product_id".*?"price": ([\d.]+), "version": (\d+)\}"?/g, "{version $2, price $1}");

/** @param {Row} row @param {boolean} stale what the step sent, what came back, and whether the cache is behind now */
export function said(row, stale) {
  const said = make("div", { class: "said" });
  if (row.command) {
    const command = make("code", {}, oneLine(row.command));
    command.title = row.command;
    said.append(command, sense(row.meaning, make("span", {}, oneLine(row.reply))), make("span", { class: "took" }, `${Number(row.took_ms).toFixed(2)} ms`));
  } else if (row.meaning === "waits") said.append(sense("error", make("span", {}, row.reply)));
  else if (row.meaning === "left out") said.append(sense("none", make("span", {}, "not needed")));
  if (stale) said.append(sense("stale", make("span", {}, `stale: version ${row.cached} cached, ${row.committed} committed`)));
  return said;
}
