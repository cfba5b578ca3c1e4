// @ts-check
// The line on a bench that says how the page hears of its sandbox. While it is unknown how things are, all that shows what was
// measured stands still and is grey (`data-frozen`, static/css/connection.css).
import { write } from "./dom.js";
import { clock } from "./island.js";
import { WORDS } from "./words.js";

/** @type {Record<string, string>} the mark of a state */
const MARKS = { live: "here", waiting: "here", silent: "stale", lost: "error" };
const UNKNOWN = ["silent", "lost"];

export class Connection {
  /** @param {HTMLElement} bench @param {() => void} askNow what the button does */
  constructor(bench, askNow) {
    this.bench = bench;
    this.place = /** @type {HTMLElement | null} */ (bench.querySelector("[data-connection]"));
    this.at = Date.now();
    this.place?.querySelector("[data-ask-now]")?.addEventListener("click", askNow);
  }

  /** @param {string} state @param {number} [at] when something was last heard */
  show(state, at = Date.now()) {
    this.at = at;
    this.bench.dataset.connection = state;
    this.freeze(UNKNOWN.includes(state));
    if (!this.place) return;
    const [word, sentence] = WORDS.connection[state];
    const [mark, meaning] = [this.place.querySelector(".mark"), MARKS[state] ?? "none"];
    this.place.dataset.connection = state;
    if (mark) mark.className = `mark ${meaning}`;
    if (mark?.parentElement) mark.parentElement.className = `sense ${meaning}`;
    write(this.place.querySelector("b"), word);
    write(this.place.querySelector("[data-sentence]"), sentence.replace("{}", clock(at / 1000)));
    this.tick();
    this.place.querySelector("[data-ask-now]")?.toggleAttribute("hidden", state !== "lost");
  }

  /** How long nothing has been heard: not announced, since it changes each second. */
  tick() {
    const place = this.place?.querySelector("[data-for]");
    const unknown = this.bench.hasAttribute("data-frozen");
    place?.toggleAttribute("hidden", !unknown);
    if (unknown) write(place, `${Math.max(0, Math.round((Date.now() - this.at) / 1000))} s`);
  }

  /** @param {boolean} frozen */
  freeze(frozen) {
    if (this.bench.hasAttribute("data-frozen") === frozen) return;
    this.bench.toggleAttribute("data-frozen", frozen);
    for (const motion of this.bench.getAnimations({ subtree: true })) {
      if (frozen) motion.pause();
      else if (motion.playState === "paused") motion.play();
    }
  }
}
