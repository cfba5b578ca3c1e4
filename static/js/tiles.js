// @ts-check
// Metric tiles: a number that changes in place, at most twice a second, and the line of its last minute.
import { write } from "./dom.js";
import { Island, calmly, figure } from "./island.js";

const KEPT = 80;

class Tiles extends Island {
  /** @type {Record<string, number>} */
  now = {};

  /** @type {Map<string, number[]>} */
  past = new Map();

  start() {
    const draw = calmly(() => this.draw());
    this.on("reading-taken", (entry) => {
      this.now = entry.readings;
      for (const [name, value] of Object.entries(entry.readings)) {
        const values = this.past.get(name) ?? [];
        values.push(/** @type {number} */ (value));
        this.past.set(name, values.slice(-KEPT));
      }
      draw();
    });
  }

  draw() {
    for (const tile of this.querySelectorAll(".metric")) {
      const name = tile.getAttribute("data-metric") ?? "";
      write(tile.querySelector("[data-value]"), figure(this.now[name], Number(tile.getAttribute("data-decimals"))));
      tile.querySelector(".spark path")?.setAttribute("d", line(this.past.get(name) ?? []));
    }
  }
}

/** @param {number[]} values @returns {string} a path in a box of 100 by 28 */
export function line(values) {
  if (values.length < 2) return "";
  const high = Math.max(...values);
  const low = Math.min(0, ...values);
  const span = high - low || 1;
  return values.map((value, index) => `${index ? "L" : "M"}${((100 * index) / (values.length - 1)).toFixed(1)} ${(26 - (23 * (value - low)) / span).toFixed(1)}`).join(" ");
}

customElements.define("cg-tiles", Tiles);
