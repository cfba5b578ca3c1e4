// @ts-check
// A chart of readings: units on the axis, each line named at its end, the whole run in view, the last minute while it runs on.
import { ask } from "./ask.js";
import { make } from "./dom.js";
import { Island, calmly, clock, figure } from "./island.js";
import { gutterOf, nameEnds } from "./line-names.js";
import { drawStalls, stallOf } from "./stalls.js";

const KEPT = 4000;
const ROWS = 12;
/** A chart shows at least this many seconds: of one reading alone uPlot would show a day. */
const SPAN_S = 5;
/** From here on the axis has no room for all digits: 7.5M. */
const LONG = 1e6;
/** A chart is drawn once it is in sight, or as near as this. */
const NEAR = "200px";
const TOKENS = { hit: "--hit", miss: "--miss", read: "--miss", write: "--write", stale: "--fault", error: "--fault" };

/** @type {Map<string, Promise<{readings: any[], stalls: import("./stalls.js").Stall[]}>>} readings of a sandbox so far, asked for once by all charts of a page */
const histories = new Map();

/** Each token's colour in the theme that is shown: to ask for one costs a layout of the page. @type {Map<string, string>} */
const colours = new Map();

/** @param {string} sandbox */
function history(sandbox) {
  let found = histories.get(sandbox);
  if (!found) {
    found = ask(`/sandboxes/${sandbox}/state?history=1`).then(({ ok, text }) => (ok ? JSON.parse(text) : {})).catch(() => ({})).then((state) => ({ readings: state.readings ?? [], stalls: state.stalls ?? [] }));
    histories.set(sandbox, found);
    setTimeout(() => histories.delete(sandbox), 2000);
  }
  return found;
}

/** @type {Promise<unknown> | undefined} */
let coming;

/** uPlot, which no page needs before its first chart: asked for once. */
function plotter() {
  coming ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.addEventListener("load", resolve);
    script.src = new URL("../vendor/uPlot-1.6.32.iife.min.js", import.meta.url).href;
    document.head.append(script);
  });
  return coming;
}

class Chart extends Island {
  /** @type {string[]} */
  names = [];

  /** @type {(number | null)[][]} times, then the values of each metric */
  data = [[]];

  /** @type {import("./stalls.js").Stall[]} */
  stalls = [];

  isNear = false;

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
    this.on("machine-stalled", (entry) => {
      this.stalls.push(stallOf(entry));
      this.add(entry.at, {});
      draw();
    });
    const signal = this.gone?.signal;
    this.bench?.addEventListener("charts-paused", () => draw(), { signal });
    this.querySelector("details")?.addEventListener("toggle", () => this.table(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint(), { signal });
    this.themes = new MutationObserver(() => this.repaint());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sight = new IntersectionObserver((seen) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      this.isNear = true;
      this.sight?.disconnect();
      this.build();
    }, { rootMargin: NEAR });
    this.sight.observe(this);
    history(this.bench?.dataset.sandbox ?? "").then(({ readings, stalls }) => {
      const late = this.data;
      this.data = [[], ...this.names.map(() => [])];
      const known = this.stalls.map(([, at]) => at);
      this.stalls.unshift(...stalls.filter(([, at]) => !known.includes(at)));
      const gaps = stalls.map(([, at]) => ({ at }));
      for (const reading of [...readings, ...gaps].sort((a, b) => a.at - b.at)) this.add(reading.at, reading);
      const last = this.data[0].at(-1) ?? 0;
      late[0].forEach((at, index) => Number(at) > Number(last) && this.data.forEach((column, part) => column.push(late[part][index])));
      if (this.isConnected) this.build();
    });
  }

  stop() {
    this.themes?.disconnect();
    this.sizes?.disconnect();
    this.sight?.disconnect();
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

  /** In the colours of the other theme. */
  repaint() {
    colours.clear();
    this.build();
  }

  build() {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".plot"));
    const UPlot = /** @type {any} */ (window).uPlot;
    if (!place || !this.isNear || !this.data[0].length) return;
    if (!UPlot) {
      plotter().then(() => this.isConnected && this.build());
      return;
    }
    this.plot?.destroy();
    const style = getComputedStyle(place);
    const [family, pixels] = [style.getPropertyValue("--font-ui").trim(), parseFloat(style.fontSize)];
    const font = `${pixels}px ${family}`;
    const { clientWidth: width, clientHeight: height } = place;
    const left = Math.round(pixels * 4.25);
    const names = this.labels ?? [];
    const key = this.querySelector(".plot-key");
    const gutter = key && getComputedStyle(key).display === "none" ? gutterOf(names, font) : 0;
    const round = (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => (!this.log || Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null));
    const axis = { stroke: colour(this, "--ink-3"), font, grid: { stroke: colour(this, "--rule"), width: 1 }, ticks: { show: false } };
    const range = (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => (this.dataset.unit === "%" ? [0, 100] : [Math.min(0, low ?? 0), (high || 1) * 1.1]);
    const span = () => {
      const from = Number(this.data[0][0]);
      return [from, Math.max(Number(this.data[0].at(-1)), from + SPAN_S)];
    };
    this.plot = new UPlot({
      width, height, padding: [pixels, gutter || Math.round(pixels * 2), 0, 0], cursor: { show: false }, legend: { show: false }, select: { show: false },
      scales: { x: { time: true, range: span }, y: this.log ? { distr: 3 } : { range } },
      axes: [
        { ...axis, size: Math.round(pixels * 2), values: (/** @type {any} */ _, /** @type {number[]} */ ats) => ats.map((at) => clock(at)), space: pixels * 7.5 },
        { ...axis, size: left, space: pixels * 2, filter: round, grid: { ...axis.grid, filter: round }, values: (/** @type {any} */ _, /** @type {(number|null)[]} */ values) => values.map((value) => (value === null ? "" : value.toLocaleString("en-US", { maximumSignificantDigits: 4, notation: value < LONG ? "standard" : "compact" }))) },
      ],
      series: [{}, ...this.lines()],
      hooks: { draw: [
        (/** @type {any} */ plot) => drawStalls(plot, this.stalls, colour(this, "--fault"), `${pixels * devicePixelRatio}px ${family}`),
        ...(gutter ? [(/** @type {any} */ plot) => nameEnds(plot, names, this.data.slice(1), pixels, family)] : []),
      ] },
    }, this.data, place);
    this.sizes?.observe(place);
    if (this.querySelector("details")?.open) this.table();
  }

  /** Each line in the colour of its meaning; a second of the same colour is dashed. */
  lines() {
    const used = new Set();
    return this.names.map((_, index) => {
      const token = TOKENS[/** @type {"hit"} */ (this.senses?.[index] ?? "none")] ?? "--ink-2";
      const again = used.has(token);
      used.add(token);
      return { label: this.labels?.[index], stroke: colour(this, token), width: 1.5, dash: again ? [5, 4] : undefined, points: { show: false }, spanGaps: false };
    });
  }

  resize() {
    const place = this.querySelector(".plot");
    if (place?.clientWidth && this.plot && (place.clientWidth !== this.plot.width || place.clientHeight !== this.plot.height)) this.build();
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
      return make("tr", {}, ...this.data.map((values, column) => make("td", {}, column ? figure(values[index], 2) : clock(Number(values[index]), 1))));
    }));
  }
}

/**
 * @param {HTMLElement} place
 * @param {string} token @returns {string} its colour as it is now, light or dark
 */
function colour(place, token) {
  const known = colours.get(token);
  if (known) return known;
  const probe = make("i");
  probe.style.color = `var(${token})`;
  place.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  colours.set(token, value);
  return value;
}

customElements.define("cg-chart", Chart);
