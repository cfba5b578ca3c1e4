// @ts-check
// The flight recorder: draws one flight or two on one axis, aligned at the fault, and the last seconds while nothing has failed yet.
// `data-flights` holds the addresses of the flights to begin with. What flew comes as data and is written as text.
import { make, mark } from "../dom.js";
import { fetched } from "./recorder/check.js";
import { bar, part } from "./recorder/parts.js";
import { key } from "./recorder/results.js";
import { rowsOf, strip, NARROW } from "./recorder/strip.js";
import { around, first, moved, whole } from "./recorder/window.js";
import { KINDS } from "./recorder/words.js";

/** @typedef {import("./recorder/words.js").Flight} Flight */

const WAYS = /** @type {const} */ ({ "+": "closer", "=": "closer", "-": "wider", ArrowLeft: "earlier", ArrowRight: "later" });

export class Recorder extends HTMLElement {
  /** @type {Flight[]} */
  flights = [];

  /** @type {{from: number, to: number} | null} chosen by the reader */
  window = null;

  asked = 0;

  connectedCallback() {
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this);
    this.addEventListener("click", (event) => this.pressed(/** @type {Element} */ (event.target)));
    this.addEventListener("keydown", (event) => this.typed(event));
    const urls = (this.dataset.flights ?? "").split(" ").filter(Boolean);
    if (urls.length) this.load(urls);
  }

  disconnectedCallback() {
    this.sizes?.disconnect();
  }

  /** @param {string[]} urls */
  async load(urls) {
    const mine = (this.asked += 1);
    this.setAttribute("aria-busy", "true");
    try {
      const flights = await Promise.all(urls.map((url) => fetched(url)));
      if (mine === this.asked) this.show(flights);
    } catch (error) {
      if (mine === this.asked) this.fail(error instanceof Error ? error.message : "The flight could not be loaded.");
    } finally {
      this.removeAttribute("aria-busy");
    }
  }

  /** @param {string} words */
  fail(words) {
    this.flights = [];
    this.replaceChildren(make("p", { class: "problem", role: "alert" }, mark("error"), ` ${words}`));
  }

  /** @param {Flight[]} flights one or two; a live one is the last seconds */
  show(flights) {
    const live = flights[0]?.live ?? false;
    const goesOn = live && this.flights[0]?.live;
    this.flights = flights;
    if (goesOn && this.querySelector(".recorder-strip")) return this.redraw();
    this.asked += 1;
    this.window = null;
    this.drawnAt = 0;
    this.replaceChildren(...(live ? [] : [bar()]), ...flights.map((flight, index) => part(flight, index, flights.length > 1)), make("div", { "data-key": "" }));
    this.redraw();
  }

  redraw() {
    const places = [...this.querySelectorAll(".recorder-strip")];
    const width = this.width();
    if (!width || !this.flights.length) return;
    const now = this.shown(width);
    const rows = this.rows();
    places.forEach((place, index) => place.replaceChildren(strip(this.flights[index], now, width, rows, onTheWall())));
    const codes = JSON.stringify(rows);
    if (this.drawnAt === 0 || this.codes !== codes) this.querySelector("[data-key]")?.replaceChildren(key(rows, this.flights));
    [this.codes, this.drawnAt] = [codes, width];
    const all = whole(this.flights);
    const [isWhole, isAround] = [same(now, all), same(now, around(this.flights, width < NARROW))];
    for (const button of this.querySelectorAll("[data-way]")) {
      const way = button.getAttribute("data-way");
      if (way === "whole" || way === "around") button.setAttribute("aria-pressed", String(way === "whole" ? isWhole : isAround && !isWhole));
    }
  }

  /** The pixels that a strip is drawn for; on the wall they are as much larger as the letters are. */
  width() {
    const larger = onTheWall() ? parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 : 1;
    return Math.floor((this.querySelector(".recorder-strip")?.clientWidth ?? 0) / larger);
  }

  /** The rows of all flights; while time runs on, those that were there stay. */
  rows() {
    const rows = rowsOf(this.flights);
    if (!this.flights[0].live) return rows;
    this.liveRows = [...new Set([...(this.liveRows ?? []), ...rows.writes, ...rows.reads.map((code) => `read ${code}`)])];
    const seen = (/** @type {string[]} */ codes) => Object.keys(KINDS).filter((code) => codes.includes(code));
    return { writes: seen(this.liveRows.filter((code) => code.length === 1)), reads: seen(this.liveRows.filter((code) => code.length > 1).map((code) => code.slice(5))) };
  }

  /** @param {number} width */
  shown(width) {
    if (this.flights[0].live) return whole(this.flights);
    return this.window ?? first(this.flights, width < NARROW);
  }

  resized() {
    const width = this.width();
    if (width && width !== this.drawnAt) this.redraw();
  }

  /** @param {Element} target */
  pressed(target) {
    const way = target.closest("[data-way]")?.getAttribute("data-way");
    if (way) this.go(/** @type {any} */ (way));
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (!(/** @type {Element} */ (event.target).matches(".recorder-strip")) || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = event.key === "Home" ? "around" : event.key === "End" ? "whole" : WAYS[/** @type {"+"} */ (event.key)];
    if (!way) return;
    event.preventDefault();
    this.go(way);
  }

  /** @param {"around" | "whole" | "closer" | "wider" | "earlier" | "later"} way */
  go(way) {
    const width = this.drawnAt || 1;
    const all = whole(this.flights);
    this.window = way === "whole" ? all : way === "around" ? around(this.flights, width < NARROW) : moved(this.shown(width), all, way);
    this.redraw();
  }
}

const onTheWall = () => document.documentElement.dataset.view === "projector";

/** @param {{from: number, to: number}} one @param {{from: number, to: number}} other */
const same = (one, other) => Math.abs(one.from - other.from) < 1 && Math.abs(one.to - other.to) < 1;

customElements.define("cg-recorder", Recorder);
