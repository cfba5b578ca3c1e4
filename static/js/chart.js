// @ts-check
// A chart of readings: units on the axis, each line named at its end, the whole run in view, the last minute while it runs on.
import { Island, calmly, clock, figure } from "./island.js";

const KEPT = 4000;
const HEIGHT = 150;
const ROWS = 12;

/** @type {Map<string, Promise<any[]>>} readings of a sandbox so far, asked for once by all charts of a page */
const histories = new Map();

/** @param {string} sandbox @returns {Promise<any[]>} */
function history(sandbox) {
  let found = histories.get(sandbox);
  if (!found) {
    found = fetch(`/sandboxes/${sandbox}/state?history=1`).then((response) => (response.ok ? response.json() : { readings: [] })).then((state) => state.readings ?? []).catch(() => []);
    histories.set(sandbox, found);
    setTimeout(() => histories.delete(sandbox), 2000);
  }
  return found;
}

class Chart extends Island {
  /** @type {string[]} */
  names = [];

  /** @type {(number | null)[][]} times, then the values of each metric */
  data = [[]];

  start() {
    this.names = (this.dataset.series ?? "").split(" ");
    this.labels = (this.dataset.labels ?? "").split("|");
    this.senses = (this.dataset.senses ?? "").split(" ");
    this.log = this.dataset.scale === "log";
    this.data = [[], ...this.names.map(() => [])];
    const draw = calmly(() => this.draw());
    this.on("reading-taken", (entry) => {
      this.add(entry.at, entry.readings);
      draw();
    });
    const signal = this.gone?.signal;
    this.bench?.addEventListener("charts-paused", () => draw(), { signal });
    this.querySelector("details")?.addEventListener("toggle", () => this.table(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build(), { signal });
    this.themes = new MutationObserver(() => this.build());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(() => this.resize());
    history(this.bench?.dataset.sandbox ?? "").then((readings) => {
      const late = this.data;
      this.data = [[], ...this.names.map(() => [])];
      for (const reading of readings) this.add(reading.at, reading);
      const last = this.data[0].at(-1) ?? 0;
      late[0].forEach((at, index) => Number(at) > Number(last) && this.data.forEach((column, part) => column.push(late[part][index])));
      if (this.isConnected) this.build();
    });
  }

  stop() {
    this.themes?.disconnect();
    this.sizes?.disconnect();
    this.plot?.destroy();
    this.plot = undefined;
  }

  /** @param {number} at @param {Record<string, number>} readings */
  add(at, readings) {
    this.data[0].push(at);
    this.names.forEach((name, index) => {
      const value = readings[name];
      this.data[index + 1].push(typeof value === "number" && (!this.log || value > 0) ? value : null);
    });
    if (this.data[0].length > KEPT) for (const column of this.data) column.splice(0, KEPT / 4);
  }

  build() {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".plot"));
    const UPlot = /** @type {any} */ (window).uPlot;
    if (!place || !UPlot || !this.data[0].length) return;
    this.plot?.destroy();
    const style = getComputedStyle(this);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const resolve = (/** @type {string} */ name) => {
      const probe = document.createElement("i");
      probe.style.color = `var(${name})`;
      this.append(probe);
      const value = getComputedStyle(probe).color;
      probe.remove();
      return value;
    };
    const font = `12px ${colour("--font-ui")}`;
    this.ground = resolve("--sheet");
    const round = (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => (!this.log || Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null));
    const axis = { stroke: resolve("--ink-3"), font, grid: { stroke: resolve("--rule"), width: 1 }, ticks: { show: false } };
    const tokens = { hit: "--hit", miss: "--miss", read: "--miss", write: "--write", stale: "--fault", error: "--fault" };
    const used = new Map();
    const series = this.names.map((_, index) => {
      const sense = this.senses?.[index] ?? "none";
      const before = used.get(sense) ?? 0;
      used.set(sense, before + 1);
      return { label: this.labels?.[index], stroke: resolve(tokens[/** @type {"hit"} */ (sense)] ?? "--ink-2"), width: 1.5, dash: before ? [5, 4] : undefined, points: { show: false }, spanGaps: false };
    });
    this.plot = new UPlot({
      width: place.clientWidth, height: HEIGHT, padding: [14, 8, 0, 0], cursor: { show: false }, legend: { show: false }, select: { show: false },
      scales: { x: { time: true }, y: this.log ? { distr: 3 } : { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), (high || 1) * 1.1] } },
      axes: [{ ...axis, size: 28, values: (/** @type {any} */ _, /** @type {number[]} */ ats) => ats.map((at) => clock(at)), space: 90 }, { ...axis, size: 54, filter: round, grid: { ...axis.grid, filter: round }, values: (/** @type {any} */ _, /** @type {(number|null)[]} */ values) => values.map((value) => (value === null ? "" : value.toLocaleString("en-US", { maximumSignificantDigits: 4 }))) }],
      series: [{}, ...series], hooks: { draw: [(/** @type {any} */ plot) => this.nameLines(plot, font)] },
    }, this.data, place);
    this.sizes?.observe(place);
    if (this.querySelector("details")?.open) this.table();
  }

  /** @param {any} plot @param {string} font */
  nameLines(plot, font) {
    const { ctx, bbox } = plot;
    const ratio = window.devicePixelRatio;
    ctx.save();
    ctx.font = font.replace("12px", `${12 * ratio}px`);
    ctx.textAlign = "right";
    /** @type {number[]} */
    const taken = [];
    this.data.slice(1).forEach((column, index) => {
      const value = column.findLast((part) => part !== null);
      if (value === undefined || value === null) return;
      let y = plot.valToPos(value, "y", true) - 5 * ratio;
      while (taken.some((other) => Math.abs(other - y) < 13 * ratio)) y -= 13 * ratio;
      y = Math.max(y, bbox.top + 8 * ratio);
      while (taken.some((other) => Math.abs(other - y) < 13 * ratio)) y += 13 * ratio;
      taken.push(y);
      ctx.strokeStyle = this.ground ?? "transparent";
      ctx.lineWidth = 4 * ratio;
      ctx.lineJoin = "round";
      ctx.strokeText(this.labels?.[index] ?? "", bbox.left + bbox.width - 4 * ratio, y);
      ctx.fillStyle = plot.series[index + 1]._stroke ?? plot.series[index + 1].stroke?.();
      ctx.fillText(this.labels?.[index] ?? "", bbox.left + bbox.width - 4 * ratio, y);
    });
    ctx.restore();
  }

  resize() {
    const width = this.querySelector(".plot")?.clientWidth;
    if (width && this.plot && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  draw() {
    if (this.bench?.hasAttribute("data-charts-paused")) return;
    if (!this.plot) return this.build();
    this.plot.setData(this.data);
    if (this.querySelector("details")?.open) this.table();
  }

  table() {
    const body = this.querySelector("tbody");
    if (!body) return;
    body.replaceChildren(...this.data[0].slice(-ROWS).map((_, back, ats) => {
      const index = this.data[0].length - ats.length + back;
      const row = document.createElement("tr");
      for (const [column, values] of this.data.entries()) {
        const cell = document.createElement("td");
        cell.textContent = column ? figure(values[index], 2) : clock(Number(values[index]), 1);
        row.append(cell);
      }
      return row;
    }));
  }
}

customElements.define("cg-chart", Chart);
