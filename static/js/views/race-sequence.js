// @ts-check
// One step of a race, drawn: its arrow between the lanes, and what was said. Words come from servers, so they are text and never markup.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, any>} Row */

/**
 * One step as a piece of the sequence: lanes from top to bottom, an arrow to the server and its answer back. Places are percent of the width.
 * @param {Row} row @param {string[]} lanes @param {Set<string>} open @param {boolean} stale
 */
export function picture(row, lanes, open, stale) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "lanes");
  picture.setAttribute("aria-hidden", "true");
  const place = (/** @type {string} */ lane) => `${((lanes.indexOf(lane) + 0.5) / lanes.length) * 100}%`;
  const line = (/** @type {string} */ name, /** @type {string} */ x1, /** @type {string} */ y1, /** @type {string} */ x2, /** @type {string} */ y2) => {
    const part = document.createElementNS(SVG, "line");
    for (const [key, value] of Object.entries({ class: name, x1, y1, x2, y2 })) part.setAttribute(key, value);
    picture.append(part);
  };
  if (stale) {
    const band = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ class: "band", x: `${((lanes.length - 2) / lanes.length) * 100}%`, y: "0", width: `${(1 / lanes.length) * 100}%`, height: "100%" })) band.setAttribute(key, value);
    picture.append(band);
  }
  for (const lane of lanes) line("lane", place(lane), "0", place(lane), "100%");
  const begins = row.step === "write DB" && row.told !== "waits";
  const ends = row.step === "commit";
  for (const letter of open) line(`lock ${letter.toLowerCase()}`, place("database"), "0", place("database"), letter === row.worker && ends ? "50%" : "100%");
  if (begins) line(`lock ${row.worker.toLowerCase()}`, place("database"), "50%", place("database"), "100%");
  if (row.told !== "left out") {
    if (begins) open.add(row.worker);
    if (ends) open.delete(row.worker);
    const server = placeOf(row.step, row.server);
    const to = place(server);
    const state = row.command ? row.told : row.told === "waits" ? "error" : "planned";
    line(`asks ${state}`, place(row.worker), "50%", to, "50%");
    picture.append(shapeAt(to, state, 0));
  }
  if (stale) picture.append(shapeAt(place("cache"), "stale", 17));
  return picture;
}

/** @param {string} x @param {string} state @param {number} aside in px */
function shapeAt(x, state, aside) {
  const end = document.createElementNS(SVG, "svg");
  end.setAttribute("x", x);
  end.setAttribute("y", "50%");
  end.setAttribute("overflow", "visible");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("class", `shape ${state}`);
  shape.setAttribute("transform", `translate(${aside} 0)`);
  shape.setAttribute("d", SHAPES[/** @type {"hit"} */ (state)] ?? SHAPES.none);
  end.append(shape);
  return end;
}

const SHAPES = {
  stale: "M0-6 6.5 5.5H-6.5Z",
  hit: "M5 0A5 5 0 1 1-5 0 5 5 0 1 1 5 0Z",
  miss: "M0-6 6 0 0 6-6 0Z",
  read: "M0-6.5 6.5 0 0 6.5-6.5 0Z",
  write: "M-5-5H5V5H-5Z",
  error: "M-6-4-4-6 0-2 4-6 6-4 2 0 6 4 4 6 0 2-4 6-6 4-2 0Z",
  none: "M4 0A4 4 0 1 1-4 0 4 4 0 1 1 4 0Z",
};

/** @param {string} step @param {string} server where it goes, known or read from its name */
export const placeOf = (step, server) => server || (/DB|commit/.test(step) ? "database" : "cache");

/** @param {string} text */
const oneLine = (text) =>
  String(text)
    .replace(/\s+/g, " ")
    .replaceAll('\\"', '"')
    .replace(/"?\{"product_id".*?"price": ([\d.]+), "version": (\d+)\}"?/g, "{version $2, price $1}");

/** @param {string} tag @param {string} name @param {string} text */
export function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

/** @param {string} meaning */
export function mark(meaning) {
  const made = element("i", `mark ${meaning}`, "");
  made.setAttribute("aria-hidden", "true");
  return made;
}

/** @param {string} meaning @param {string} words */
export function sense(meaning, words) {
  const made = element("span", `sense ${meaning}`, "");
  made.append(mark(meaning), element("span", "", words));
  return made;
}

/** @param {Row} row @param {boolean} stale what the step sent, what came back, and whether the cache is behind now */
export function said(row, stale) {
  const said = element("div", "said", "");
  if (row.command) {
    const command = element("code", "", oneLine(row.command));
    command.title = row.command;
    said.append(command, sense(row.told, oneLine(row.reply)), element("span", "took", `${Number(row.took_ms).toFixed(2)} ms`));
  } else if (row.told === "waits") said.append(sense("error", row.reply));
  else if (row.told === "left out") said.append(sense("none", "not needed"));
  if (stale) said.append(sense("stale", `stale: version ${row.cached} cached, ${row.committed} committed`));
  return said;
}
