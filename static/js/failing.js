// @ts-check
// What the drawing says while requests of the load fail: how many, why, and what would help.
import { of, write } from "./dom.js";
import { figure } from "./island.js";
import { WORDS } from "./words.js";

const SEVERAL = 0.8;
/** Sentinels are given this long before the page offers anything: a failover is theirs to do. */
const THEIRS_MS = 15000;

export class Failing {
  /** @param {Element} drawing @param {import("./sandbox-state.js").State} state */
  constructor(drawing, state) {
    this.place = /** @type {HTMLElement | null} */ (drawing.querySelector("[data-failing]"));
    this.state = state;
    this.since = 0;
    this.hasSentinels = Boolean(drawing.querySelector(".sentinel"));
  }

  show() {
    const { place, state } = this;
    if (!place) return;
    const { failed, ended, wanted_per_s: wanted, why } = state.failing;
    const isOver = !failed || !state.loading;
    this.since = isOver ? 0 : this.since || Date.now();
    place.hidden = isOver;
    const words = ended < SEVERAL * wanted ? WORDS.failing.late : WORDS.failing.now;
    const numbers = { failed, ended, wanted: Math.round(wanted) };
    write(place.querySelector("[data-count]"), isOver ? "" : Object.entries(numbers).reduce((text, [name, value]) => text.replace(`{${name}}`, figure(value, 0)), words));
    write(place.querySelector("[data-because]"), isOver ? "" : why);
    const ways = /** @type {HTMLElement[]} */ ([...place.querySelectorAll("[data-helps]")]);
    const waits = this.hasSentinels && Date.now() - this.since < THEIRS_MS;
    for (const way of ways) way.hidden = waits || !this.helps(way);
  }

  /** @param {Element} way */
  helps(way) {
    const [kind, name] = [of(way, "helps"), of(way, "of")];
    if (kind === "reset") return true;
    const now = (kind === "link" ? this.state.links[name] : this.state.servers[name])?.state ?? "";
    return of(way, "when").split(" ").includes(now);
  }
}
