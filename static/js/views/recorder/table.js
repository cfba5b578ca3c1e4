// @ts-check
// A flight as a table: what happened one after the other, operations that ended alike in one row.
import { figure } from "../../island.js";
import { KINDS, more, seconds } from "./words.js";
import { make } from "../../dom.js";

/** @typedef {import("./words.js").Flight} Flight @typedef {{from: number, to: number, count: number, what: string, words: string}} Row */

const MOST_ROWS = 400;

/** @param {Flight} flight @returns {Row[]} in the order in which they began */
export function rowsOf(flight) {
  const rows = [...runs(flight.writes, "Writes"), ...runs(flight.reads, "Reads")];
  for (const [at, words] of flight.marks) rows.push({ from: at, to: at, count: 1, what: "Fault", words });
  for (const [at, sentinel, event, words] of flight.sentinels) rows.push({ from: at, to: at, count: 1, what: sentinel, words: words ? `${event}: ${words}` : event });
  for (const [at, endpoint, targets] of flight.moves.filter(([at]) => at >= flight.from_ms)) rows.push({ from: at, to: at, count: 1, what: endpoint, words: `leads to ${targets.join(", ") || "no server"}` });
  for (const [at, server, role] of flight.roles.filter(([at]) => at >= flight.from_ms)) rows.push({ from: at, to: at, count: 1, what: server, words: `is ${role}` });
  return rows.sort((a, b) => a.from - b.from);
}

/** @param {import("./words.js").Operation[]} operations @param {string} what @returns {Row[]} */
function runs(operations, what) {
  /** @type {(Row & {code: string})[]} */
  const rows = [];
  for (const [at, , code] of operations) {
    const last = rows.at(-1);
    if (last?.code === code) Object.assign(last, { to: at, count: last.count + 1 });
    else rows.push({ code, from: at, to: at, count: 1, what, words: `${KINDS[code]?.words ?? code}${more(code) ? ` (${more(code)})` : ""}` });
  }
  return rows;
}

/** @param {Flight} flight @param {string} title */
export function table(flight, title) {
  const body = make("tbody");
  const details = make("details", { class: "as-table" }, make("summary", {}, `Show as a table${title ? `: ${title}` : ""}`),
    make("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `${flight.title}, as a table` },
      make("table", {}, make("thead", {}, make("tr", {}, ...["From", "To", "Count", "Of what", "What happened"].map((words) => make("th", { scope: "col" }, words)))), body)));
  details.addEventListener("toggle", () => {
    if (body.childElementCount) return;
    const rows = rowsOf(flight);
    const cells = (/** @type {string[]} */ texts) => make("tr", {}, ...texts.map((text) => make("td", {}, text)));
    body.append(...rows.slice(0, MOST_ROWS).map(({ from, to, count, what, words }) => cells([`${seconds(from, 3)} s`, `${seconds(to, 3)} s`, figure(count, 0), what, words])));
    if (rows.length > MOST_ROWS) body.append(cells(["", "", figure(rows.length - MOST_ROWS, 0), "more rows", "are in the file"]));
  });
  return details;
}
