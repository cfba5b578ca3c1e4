// @ts-check
// Checks: a claim, the reading that met it, what is so now if that is no longer so, and how it was counted.
import { drawTick, make, write } from "./dom.js";
import { Island, clock } from "./island.js";
import { WORDS } from "./words.js";

/** @typedef {{label: string, unit: string, counters: string[], value: unknown, before?: unknown}} Row */

class Checks extends Island {
  start() {
    /** @type {Record<string, string[]>} label, unit and counters of each value of the evidence */
    this.known = JSON.parse(this.dataset.counted ?? "{}");
    for (const item of this.querySelectorAll("[data-check]")) {
      const when = /** @type {HTMLElement | null} */ (item.querySelector("[data-met-at]"));
      write(when, metOn(Number(when?.dataset.metAt)));
    }
    this.on("check-changed", (entry) => {
      const item = this.querySelector(`[data-check="${CSS.escape(entry.check)}"]`);
      if (!item) return;
      const isMet = entry.status === "met";
      // What was met on an earlier bench stays met. Until this bench has met it too, only what it has seen is news.
      const stays = item.hasAttribute("data-before") && !isMet;
      const found = Object.keys(entry.evidence ?? {}).length > 0;
      if (!stays) this.show(item, entry);
      const now = stays ? (found ? entry.message : "") : entry.now ?? "";
      write(item.querySelector("[data-now]"), now);
      item.querySelector(".so-now")?.toggleAttribute("hidden", !now);
      const met = this.querySelectorAll('[data-check][data-state="met"]').length;
      const all = this.querySelectorAll("[data-check]").length;
      write(this.querySelector("[data-met]"), `${met} of ${all} met`);
      if (isMet && met === all) this.bench?.dispatchEvent(new CustomEvent("all-met"));
    });
  }

  /** @param {Element} item @param {any} entry */
  show(item, entry) {
    if (entry.status === "met" && item.getAttribute("data-state") !== "met") drawTick(item);
    item.setAttribute("data-state", entry.status);
    write(item.querySelector("[data-word]"), `${WORDS.checks[entry.status]}: `);
    write(item.querySelector("[data-message]"), entry.message);
    write(item.querySelector("[data-met-at]"), metOn(entry.met_at ?? 0));
    const hint = item.querySelector(".hint");
    write(hint, entry.hint ?? "");
    hint?.toggleAttribute("hidden", entry.status === "met" || !entry.hint);
    const rows = rowsOf(entry.evidence ?? {}, this.known ?? {});
    const counted = item.querySelector(".counted");
    counted?.toggleAttribute("hidden", !rows.length);
    counted?.querySelector("table")?.replaceWith(table(rows));
  }
}

/** @param {number} at Unix seconds; 0 if it was not met */
function metOn(at) {
  if (!at) return "";
  const when = new Date(at * 1000);
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday ? `Met at ${clock(at).slice(0, 5)}.` : `Met on ${when.toLocaleDateString("en-GB", { day: "numeric", month: "long" })}.`;
}

/**
 * The rows of the table: `x_before` and `x_after` are one, which is called `x` (labs/lab/evidence.py).
 * @param {Record<string, unknown>} evidence @param {Record<string, string[]>} known @returns {Row[]}
 */
function rowsOf(evidence, known) {
  const rows = [];
  for (const [name, value] of Object.entries(evidence)) {
    const stem = name.replace(/_(before|after)$/, "");
    const isPair = stem !== name && stem in known && `${stem}_before` in evidence && `${stem}_after` in evidence;
    if (isPair && name.endsWith("_before")) continue;
    const [label, unit = "", ...counters] = isPair ? known[stem] : called(name, known);
    rows.push({ label, unit, counters, value, ...(isPair && { before: evidence[`${stem}_before`] }) });
  }
  return rows;
}

/** @param {string} name @param {Record<string, string[]>} known @returns {string[]} */
function called(name, known) {
  if (name in known) return known[name];
  for (const [pattern, [label, ...rest]] of Object.entries(known)) {
    const [head, tail] = pattern.split("*");
    if (tail === undefined || !name.startsWith(head) || !name.endsWith(tail)) continue;
    return [label.replace("{}", name.slice(head.length, name.length - tail.length)), ...rest];
  }
  return [name.replaceAll("_", " ")];
}

/** @param {Row[]} rows */
function table(rows) {
  const compared = rows.some((row) => row.before !== undefined);
  const values = compared ? ["Before", "After"] : ["Value"];
  const heads = [head("What was counted"), ...values.map((words) => head(words, "n")), head("Unit")];
  const lines = rows.map((row) => {
    const name = make("th", { scope: "row" }, row.label);
    row.counters.forEach((counter, index) => name.append(index ? " or " : " ", make("code", {}, counter)));
    const cells = [name];
    if (row.before !== undefined) cells.push(cell(row.before));
    // Words without a unit take its place as well.
    const alone = typeof row.value === "string" && !row.unit;
    cells.push(cell(row.value, 1 + Number(compared && row.before === undefined) + Number(alone)));
    if (!alone) cells.push(make("td", {}, row.unit));
    return make("tr", {}, ...cells);
  });
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines));
}

/** @param {unknown} value @param {number} [columns] that it takes */
function cell(value, columns = 1) {
  const wide = columns > 1 ? { colspan: String(columns) } : {};
  return make("td", { class: typeof value === "string" ? "words" : "n", ...wide }, shown(value));
}

/** @param {string} words @param {string} [kind] */
function head(words, kind = "") {
  return make("th", kind ? { scope: "col", class: kind } : { scope: "col" }, words);
}

/** @param {unknown} value as portal/bench/values.py shows it: a whole number with its thousands, another with six digits */
function shown(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? value.toLocaleString("en-US", { maximumSignificantDigits: Number.isInteger(value) ? 21 : 6 }) : String(value);
}

customElements.define("cg-checks", Checks);
