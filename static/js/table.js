// @ts-check
// A table of what a lab found: takes its rows from the feed, sorts by the column whose head is pressed.
import { make } from "./dom.js";
import { Island, figure } from "./island.js";

class FoundTable extends Island {
  /** @type {Record<string, any>[]} */
  rows = [];

  /** @type {{name: string, decimals: number, mono: boolean, head: HTMLElement}[]} */
  columns = [];

  start() {
    this.rows = JSON.parse(this.dataset.rows ?? "[]");
    this.columns = [...this.querySelectorAll("th")].map((head) => ({ name: head.dataset.column ?? "", decimals: Number(head.dataset.decimals), mono: "mono" in head.dataset, head }));
    this.addEventListener("click", (event) => {
      const head = /** @type {HTMLElement} */ (event.target).closest("th");
      if (head) this.sort(head);
    }, { signal: this.gone?.signal });
    this.on("table-changed", (entry) => {
      if (entry.table !== this.dataset.table) return;
      this.rows = entry.rows;
      this.draw();
    });
    this.draw();
  }

  /** @param {HTMLElement} head */
  sort(head) {
    const next = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const { head: other } of this.columns ?? []) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", next);
    const index = this.columns.findIndex((column) => column.head === head);
    const body = this.querySelector("tbody");
    const rows = [...(body?.rows ?? [])];
    const value = (/** @type {HTMLTableRowElement} */ row) => row.cells[index].textContent ?? "";
    const number = (/** @type {string} */ text) => Number(text.replaceAll(",", ""));
    rows.sort((a, b) => (Number.isNaN(number(value(a)) - number(value(b))) ? value(a).localeCompare(value(b)) : number(value(a)) - number(value(b))));
    body?.append(...(next === "descending" ? rows.reverse() : rows));
  }

  draw() {
    const body = this.querySelector("tbody");
    body?.replaceChildren(...this.rows.map((row) => make("tr", {}, ...this.columns.map(({ name, decimals, mono }) => cell(row[name] ?? "", decimals, mono)))));
    this.querySelector(".empty")?.toggleAttribute("hidden", this.rows.length > 0);
    const sorted = this.columns.find(({ head }) => head.hasAttribute("aria-sort"));
    if (sorted) {
      const way = sorted.head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      sorted.head.setAttribute("aria-sort", way);
      this.sort(sorted.head);
    }
  }
}

/** @param {any} value @param {number} decimals @param {boolean} mono */
function cell(value, decimals, mono) {
  if (typeof value === "number") return make("td", { class: "number" }, figure(value, decimals));
  return make("td", mono ? { class: "mono" } : {}, value === true ? "yes" : value === false ? "no" : String(value));
}

customElements.define("cg-table", FoundTable);
