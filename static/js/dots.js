// @ts-check
// Dots that travel a link: a shape per meaning. In slow motion one per command; under load a sample.
import { draw, of } from "./dom.js";
import { shapeOf } from "./shapes.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const AT_ONCE = 60;

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

/**
 * The rates of a reading, laid on the wires that they went over, where a lab names them (`write_to_<server>`); else several caches share alike, for a reading counts them together.
 * @param {Record<string, number>} now @param {string[]} caches @param {string[]} databases @param {string[]} [balancers]
 */
export function flowsOf(now, caches, databases, balancers = []) {
  const named = Object.entries(now).flatMap(([name, rate]) => {
    const [, sense, server] = name.match(/^(hit|miss|read|write|error)_to_(.+)$/) ?? [];
    return server ? [{ server, sense, rate }] : [];
  });
  if (named.length) return named;
  const [hit, miss, write] = [now.cache_hits_per_s ?? 0, now.cache_misses_per_s ?? 0, now.writes_per_s ?? 0];
  const read = Math.max(0, (now.database_queries_per_s ?? 0) - write);
  const share = (/** @type {string[]} */ servers, /** @type {Record<string, number>} */ rates) =>
    servers.flatMap((server) => Object.entries(rates).map(([sense, rate]) => ({ server, sense, rate: rate / servers.length })));
  const signed = { hit: now.signed_in_per_s ?? 0, miss: now.signed_out_per_s ?? 0, error: now.errors_per_s ?? 0 };
  return [...share(caches, { hit, miss }), ...share(databases, { read, write }), ...share(balancers, signed)];
}

/** What happens on the wires under load, as rates a second by meaning; sends a sample of it. */
export class Sample {
  /**
   * @param {(server: string) => Element[]} wiresTo
   * @param {(wire: Element, sense: string, ms: number) => unknown} [go] how a dot travels from there
   */
  constructor(wiresTo, go = send) {
    this.wiresTo = wiresTo;
    this.go = go;
    /** @type {{server: string, sense: string, rate: number}[]} */
    this.flows = [];
    /** @type {number[]} */
    this.due = [];
    this.timer = 0;
  }

  /** @param {{server: string, sense: string, rate: number}[]} flows @returns {number} one of how many is shown; 1 means all */
  set(flows) {
    this.flows = flows;
    if (!this.timer && flows.length) this.timer = window.setInterval(() => this.tick(), 125);
    const total = flows.reduce((sum, flow) => sum + flow.rate, 0);
    return total > 12 ? Math.round(total / 12) : 1;
  }

  stop() {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.flows = [];
  }

  tick() {
    if (document.hidden || STILL.matches || document.querySelector("[data-frozen]")) return;
    const total = this.flows.reduce((sum, flow) => sum + flow.rate, 0);
    const part = Math.min(1, 12 / (total || 1));
    this.flows.forEach((flow, index) => {
      this.due[index] = Math.min((this.due[index] ?? Math.random()) + flow.rate * part * 0.125, 2);
      while ((this.due[index] ?? 0) >= 1) {
        this.due[index] = (this.due[index] ?? 0) - 1;
        for (const wire of this.wiresTo(flow.server)) this.go(wire, flow.sense, 700);
      }
    });
  }
}
