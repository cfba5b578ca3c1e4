// @ts-check
// How far numbered writes have come: four counts of each reading, the last three as parts of the first.
import { Island, figure } from "../../js/island.js";

class Durability extends Island {
  start() {
    this.on("reading-taken", (entry) => this.draw(entry.readings));
    this.on("table-changed", (entry) => {
      if (entry.table !== "power") return;
      const notice = /** @type {HTMLElement | null} */ (this.querySelector("[data-problem]"));
      if (!notice) return;
      notice.textContent = entry.rows[0]?.problem ?? "";
      notice.hidden = !entry.rows.length;
    });
  }

  /** @param {Record<string, number>} readings */
  draw(readings) {
    const all = readings.acknowledged;
    if (all === undefined) return;
    for (const station of this.querySelectorAll("[data-station]")) {
      const name = /** @type {HTMLElement} */ (station).dataset.station ?? "";
      const count = readings[name] ?? 0;
      const missing = Math.max(0, all - count);
      const [shown, behind, bar] = ["[data-count]", "[data-behind]", "rect"].map((part) => station.querySelector(part));
      if (shown) shown.textContent = figure(count, 0);
      if (behind) behind.textContent = name !== "acknowledged" && missing ? `${figure(missing, 0)} fewer` : "";
      bar?.setAttribute("width", String(all ? Math.min(100, (100 * count) / all) : 0));
    }
  }
}

customElements.define("cg-durability", Durability);
