// @ts-check
// A cluster, a backup of it, the cluster that is made of it: what each holds, and the changes on both sides of the snapshot's moment.
import { draw, write } from "../dom.js";
import { Island, figure } from "../island.js";

const [WIDTH, BASE, TALL] = [600, 80, 66];
const GONE = ["stopped", "down"];

class Backups extends Island {
  start() {
    this.choice = /** @type {HTMLSelectElement} */ (this.querySelector("[data-backups]"));
    /** @type {Record<string, any>[]} */
    this.rows = JSON.parse(this.choice.dataset.rows || "[]");
    /** @type {Record<string, any>[]} */
    this.bars = [];
    this.choice.addEventListener("change", () => this.facts(), { signal: this.gone?.signal });
    this.on("table-changed", (entry) => {
      if (entry.table === "backups") this.backups(entry.rows);
      if (entry.table === "changes") this.changes(entry.rows);
      if (entry.table === "marks") this.marks(entry.rows);
      if (entry.table === "comparison") this.compared(entry.rows.find((/** @type {any} */ row) => row.what === "shop-restored"));
      if (entry.table === "endpoints") for (const row of entry.rows) write(this.place(row.node)?.querySelector(".address"), row.address);
    });
    this.on("server-told", (entry) => this.lines(entry.server, entry.lines));
    this.on("server-changed", (entry) => {
      const place = this.place(entry.server);
      place?.setAttribute("data-state", entry.state);
      if (place && GONE.includes(entry.state)) this.lines(entry.server, [entry.state === "down" ? "is down" : "not there"]);
      else if (place && entry.state === "up" && entry.why) this.lines(entry.server, ["answers"]);
    });
    this.on("setting-changed", (entry) => {
      if (entry.name !== "endpoint") return;
      for (const part of this.querySelectorAll("[data-asks]")) /** @type {HTMLElement} */ (part).hidden = part.getAttribute("data-asks") !== entry.value;
    });
  }

  /** @param {string} server */
  place(server) {
    return this.querySelector(`[data-place="${CSS.escape(server)}"]`);
  }

  /** @param {string} server @param {string[]} lines */
  lines(server, lines) {
    for (const index of [0, 1]) write(this.place(server)?.querySelector(`[data-line="${index}"]`), lines[index] ?? "");
  }

  /** @param {Record<string, any>[]} rows */
  backups(rows) {
    const before = (this.rows ?? []).map((row) => row.backup);
    const fresh = rows.find((row) => !before.includes(row.backup));
    const chosen = fresh?.backup ?? this.choice?.value;
    this.rows = rows;
    this.choice?.replaceChildren(...(rows.length ? rows.map((row) => new Option(row.backup, row.backup, false, row.backup === chosen)) : [new Option("none yet", "")]));
    this.querySelector(".file")?.setAttribute("data-kept", rows.length ? "yes" : "no");
    this.facts();
  }

  facts() {
    const row = this.rows?.find((one) => one.backup === this.choice?.value) ?? {};
    const facts = {
      status: row.status, keys: "keys" in row ? figure(row.keys, 0) : undefined, size: "size_kb" in row ? `${figure(row.size_kb, 1)} KB` : undefined, sha256: row.sha256, digest: row.digest,
      copied: "cow_kb" in row ? `${figure(row.cow_kb, 0)} KB, ${figure(row.cow_percent, 1)} %` : undefined,
    };
    for (const [name, text] of Object.entries(facts)) write(this.querySelector(`[data-fact="${name}"]`), text ?? "–");
  }

  /** @param {Record<string, any>[]} rows */
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

  get length() {
    return (this.bars ?? []).length > 1 ? (this.bars ?? [])[1].at_s * (this.bars ?? []).length : 1;
  }

  /** @param {Record<string, any>[]} rows */
  marks(rows) {
    this.querySelector("[data-marks]")?.replaceChildren(...rows.map((row) => {
      const x = Math.min(Math.max((row.at_s / this.length) * WIDTH, 0), WIDTH);
      return draw("line", { class: row.mark === "fork" ? "fork" : "written", x1: x, x2: x, y1: 2, y2: 86 });
    }));
  }

  /** @param {Record<string, any> | undefined} row */
  compared(row) {
    if (row) write(this.querySelector("[data-words]"), `${figure(row.kept, 0)} acknowledged changes are in shop-restored, ${figure(row.gone, 0)} are gone.`);
  }
}

customElements.define("cg-backups", Backups);
