// @ts-check
// Dots that travel a link: a shape per meaning. In slow motion one per command; under load a sample.
import { draw, of } from "./dom.js";
import { known } from "./island.js";
import { shapeOf } from "./shapes.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const AT_ONCE = 60;
const TICK_MS = 125;

/**
 * Sends a dot along a wire; where no motion is wanted it rests at the middle.
 * @param {Element} wire @param {string} sense @param {number} ms
 * @returns {Promise<boolean>} true once it has arrived, false if there was no room for it
 */
export async function send(wire, sense, ms) {
  const place = wire.closest("svg")?.querySelector(".dots");
  const path = wire.querySelector(".link")?.getAttribute("d");
  if (!place || !path || place.children.length >= AT_ONCE) return false;
  const dot = draw("path", { d: shapeOf(sense), class: `dot once ${sense}`, "data-on": of(wire, "link") });
  dot.style.offsetPath = `path("${path}")`;
  place.append(dot);
  if (STILL.matches) {
    setTimeout(() => dot.remove(), ms);
    return false;
  }
  try {
    await dot.animate([{ offsetDistance: "0%" }, { offsetDistance: "100%" }], { duration: ms, easing: "linear" }).finished;
    return true;
  } catch {
    return false;
  } finally {
    dot.remove();
  }
}

/**
 * Takes away what is on its way over a wire: it will not arrive.
 * @param {Element} wire
 */
export function drop(wire) {
  for (const dot of wire.closest("svg")?.querySelectorAll(`.dots [data-on="${CSS.escape(of(wire, "link"))}"]`) ?? []) dot.remove();
}

/** @typedef {{link: string, sense: string, rate: number}} Flow operations a second of a link that meant this, as they were counted */

/** @param {Record<string, number>} flows of a reading, by a link's name and a meaning @returns {Flow[]} */
export function flowsOf(flows) {
  return Object.entries(flows)
    .map(([name, rate]) => ({ link: name.slice(0, name.lastIndexOf(" ")), sense: known(name.slice(name.lastIndexOf(" ") + 1)), rate }))
    .filter((flow) => flow.rate > 0);
}

/** What happens on the wires under load, as rates a second by meaning; sends a sample of it. */
export class Sample {
  /**
   * @param {(link: string) => Element[]} wiresOf
   * @param {(wire: Element, sense: string, ms: number) => unknown} [go] how a dot travels from there
   */
  constructor(wiresOf, go = send) {
    this.wiresOf = wiresOf;
    this.go = go;
    /** @type {Flow[]} */
    this.flows = [];
    /** @type {number[]} */
    this.due = [];
    this.timer = 0;
  }

  /** @param {Flow[]} flows @returns {number} one of how many is shown; 1 means all */
  set(flows) {
    this.due = flows.map((flow) => this.due[this.flows.findIndex((before) => before.link === flow.link && before.sense === flow.sense)] ?? Math.random());
    this.flows = flows;
    if (!this.timer && flows.length) this.timer = window.setInterval(() => this.tick(), TICK_MS);
    const total = flows.reduce((sum, flow) => sum + flow.rate, 0);
    return total > 12 ? Math.round(total / 12) : 1;
  }

  stop() {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.flows = [];
  }

  tick() {
    if (document.hidden || STILL.matches || document.querySelector("[data-frozen], [data-old]")) return;
    const total = this.flows.reduce((sum, flow) => sum + flow.rate, 0);
    const part = Math.min(1, 12 / (total || 1));
    this.flows.forEach((flow, index) => {
      this.due[index] = Math.min((this.due[index] ?? 0) + (flow.rate * part * TICK_MS) / 1000, 2);
      while ((this.due[index] ?? 0) >= 1) {
        this.due[index] = (this.due[index] ?? 0) - 1;
        // Not all at one moment: dots of several meanings would lie over each other.
        window.setTimeout(() => {
          if (this.timer) for (const wire of this.wiresOf(flow.link)) this.go(wire, flow.sense, 700);
        }, Math.random() * TICK_MS);
      }
    });
  }
}
