// @ts-check
// A lab's table as small multiples: one figure per measure, one bar per row, always in the same order.
import { draw, make } from "../dom.js";
import { Island, figure } from "../island.js";

const WIDTH = 100;
const TALL = 24;

/** @param {number} height */
function drawing(height) {
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
}

class Multiples extends Island {
  /** @type {Record<string, any>[]} */
  rows = [];

  start() {
    this.rows = JSON.parse(this.dataset.rows ?? "[]");
    this.on("table-changed", (entry) => {
      if (entry.table !== this.dataset.table) return;
      this.rows = entry.rows;
      this.draw();
    });
    this.draw();
  }

  draw() {
    const { rows } = this;
    for (const part of this.querySelectorAll(".multiple")) {
      const one = /** @type {HTMLElement} */ (part);
      const { distribution } = one.dataset;
      one.hidden = !rows.some((row) => !distribution || row[distribution] !== undefined);
      const lines = distribution ? this.distributions(rows, distribution, one.dataset.edges ?? "") : this.bars(rows, one.dataset.column ?? "", Number(one.dataset.decimals));
      one.querySelector(".bars")?.replaceChildren(...lines);
    }
    this.querySelector(".empty")?.toggleAttribute("hidden", rows.length > 0);
  }

  /** @param {Record<string, any>[]} rows @param {string} column @param {number} decimals */
  bars(rows, column, decimals) {
    const most = Math.max(...rows.map((row) => Number(row[column]) || 0), 0) || 1;
    return rows.map((row) => {
      const value = Number(row[column]) || 0;
      const svg = drawing(1);
      svg.append(draw("rect", { x: 0, y: 0, width: (WIDTH * value) / most, height: 1 }));
      return this.line(row, figure(value, decimals), svg);
    });
  }

  /**
   * A row's column holds the counts of its bars, another where they end; the last bar has no end.
   * @param {Record<string, any>[]} rows @param {string} column @param {string} edges
   */
  distributions(rows, column, edges) {
    return rows.map((row) => {
      const counts = String(row[column] ?? "").split(" ").map(Number);
      const all = counts.reduce((sum, count) => sum + count, 0);
      const most = Math.max(...counts, 1);
      const step = WIDTH / counts.length;
      const svg = drawing(TALL);
      counts.forEach((count, index) => svg.append(draw("rect", { x: index * step, y: TALL - (TALL * count) / most, width: step * 0.86, height: (TALL * count) / most })));
      svg.append(draw("line", { x1: 0, x2: WIDTH, y1: TALL, y2: TALL }));
      const [peak, ends] = [counts.indexOf(most), String(row[edges] ?? "").split(" ")];
      const between = peak <= 0 ? `under ${ends[0]}` : peak >= ends.length ? `over ${ends.at(-1)}` : `${ends[peak - 1]} to ${ends[peak]}`;
      return this.line(row, all ? `most ${between} ms` : "none", svg);
    });
  }

  /** @param {Record<string, any>} row @param {string} value @param {Element} svg */
  line(row, value, svg) {
    return make("li", {}, make("span", { class: "name" }, String(row[this.dataset.label ?? ""] ?? "")), make("span", { class: "value" }, value), svg);
  }
}

customElements.define("cg-multiples", Multiples);
