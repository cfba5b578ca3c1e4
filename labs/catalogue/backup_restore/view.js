// @ts-check
// A cluster, a backup of it, the cluster that is made of it: what each holds, and the changes on both sides of the snapshot's moment.
import { draw, of, write } from "../../js/dom.js";
import { Island, figure } from "../../js/island.js";
import { CHANGES, stateOf } from "../../js/sandbox-state.js";

const [WIDTH, BASE, TALL] = [600, 80, 66];
const GONE = { stopped: "not there", down: "is down" };

/** @typedef {Record<string, any>} Row */

class Backups extends Island {
  state = stateOf("");

  /** @type {Node[]} the choice while there is no backup */
  none = [];

  /** @type {Row[]} the backups */
  rows = [];

  /** @type {Row[]} the changes, a bar for each span of time */
  bars = [];

  start() {
    this.state = stateOf(this.dataset.state ?? "");
    this.choice = /** @type {HTMLSelectElement} */ (this.querySelector("[data-backups]"));
    this.none = [...this.choice.children];
    this.choice.addEventListener("change", () => this.facts(), { signal: this.gone?.signal });
    this.on("table-changed", (entry) => this.table(entry.table, entry.rows));
    for (const type of /** @type {const} */ (["server-figures-changed", "server-changed", "setting-changed"])) {
      this.on(type, (entry) => {
        CHANGES[type](this.state, entry);
        if (entry.state in GONE) delete this.state.figures[entry.server];
        this.dress();
      });
    }
    for (const [table, rows] of Object.entries(JSON.parse(this.dataset.tables ?? "{}"))) this.table(table, rows);
    this.dress();
  }

  /** @param {string} table @param {Row[]} rows */
  table(table, rows) {
    if (table === "backups") this.backups(rows);
    if (table === "changes") this.changes(rows);
    if (table === "marks") this.marks(rows);
    if (table === "comparison") this.compared(rows.find((row) => row.what === "shop-restored"));
    if (table === "endpoints") for (const row of rows) write(this.querySelector(`[data-place="${CSS.escape(row.node)}"] .address`), row.address);
  }

  /** The two clusters, and which of them the application asks. */
  dress() {
    for (const place of this.querySelectorAll("[data-place]")) {
      const name = of(place, "place");
      const { state, why } = this.state.servers[name] ?? { state: "stopped", why: "" };
      const gone = GONE[/** @type {"down"} */ (state)];
      const lines = gone ? [gone] : this.state.figures[name] ?? (why ? ["answers"] : []);
      place.setAttribute("data-state", state);
      for (const index of [0, 1]) write(place.querySelector(`[data-line="${index}"]`), lines[index] ?? "");
    }
    for (const part of this.querySelectorAll("[data-asks]")) /** @type {HTMLElement} */ (part).hidden = of(part, "asks") !== this.state.settings.endpoint;
  }

  /** @param {Row[]} rows */
  backups(rows) {
    const before = this.rows.map((row) => row.backup);
    const chosen = rows.findLast((row) => !before.includes(row.backup))?.backup ?? this.choice?.value;
    this.rows = rows;
    this.choice?.replaceChildren(...rows.map((row) => new Option(row.backup, row.backup, false, row.backup === chosen)), ...(rows.length ? [] : this.none));
    this.querySelector(".file")?.setAttribute("data-kept", rows.length ? "yes" : "no");
    this.facts();
  }

  facts() {
    const row = this.rows.find((one) => one.backup === this.choice?.value) ?? {};
    const facts = {
      status: row.status, keys: "keys" in row ? figure(row.keys, 0) : undefined, size: "size_kb" in row ? `${figure(row.size_kb, 1)} KB` : undefined, sha256: row.sha256, digest: row.digest,
      copied: "cow_kb" in row ? `${figure(row.cow_kb, 0)} KB, ${figure(row.cow_percent, 1)} %` : undefined,
    };
    for (const [name, text] of Object.entries(facts)) write(this.querySelector(`[data-fact="${name}"]`), text ?? "–");
  }

  /** @param {Row[]} rows */
  changes(rows) {
    this.bars = rows;
    const most = Math.max(1, ...rows.map((row) => row.kept + row.gone));
    const moment = /** @type {HTMLElement | null} */ (this.querySelector("[data-moment]"));
    if (moment) moment.hidden = !rows.length;
    this.querySelector("[data-bars]")?.replaceChildren(...rows.flatMap((row, index) => {
      const [x, kept, gone] = [(index * WIDTH) / rows.length, (TALL * row.kept) / most, (TALL * row.gone) / most];
      return [draw("rect", { class: "kept", x: x + 1, y: BASE - kept, width: 8, height: kept }), draw("rect", { class: "gone", x: x + 1.5, y: BASE - kept - gone, width: 7, height: gone })];
    }));
    write(this.querySelector("[data-length]"), `${this.length.toFixed(1)} s`);
  }

  /** How many seconds the bars are of. */
  get length() {
    return this.bars.length > 1 ? this.bars[1].at_s * this.bars.length : 1;
  }

  /** @param {Row[]} rows */
  marks(rows) {
    this.querySelector("[data-marks]")?.replaceChildren(...rows.map((row) => {
      const x = Math.min(Math.max((row.at_s / this.length) * WIDTH, 0), WIDTH);
      return draw("line", { class: row.mark, x1: x, x2: x, y1: 2, y2: 86 });
    }));
  }

  /** @param {Row | undefined} row */
  compared(row) {
    if (row) write(this.querySelector("[data-words]"), `${figure(row.kept, 0)} acknowledged changes are in shop-restored, ${figure(row.gone, 0)} are gone.`);
  }
}

customElements.define("cg-backups", Backups);
