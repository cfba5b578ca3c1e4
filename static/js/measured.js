// @ts-check
// What the drawing says in the place of its sentence while a measurement has the servers to itself.
import { of, write } from "./dom.js";
import { WORDS } from "./words.js";

/** A measurement that is over sooner is not said: the sentence would flicker. */
const CALM_MS = 300;

export class Measured {
  /** @param {Element} drawing @param {import("./sandbox-state.js").State} state */
  constructor(drawing, state) {
    this.place = drawing.querySelector(".says");
    this.state = state;
    this.running = "";
    this.timer = 0;
    /** @type {Node[] | undefined} the sentence itself, while its place says what is measured */
    this.sentence = undefined;
  }

  show() {
    const { running } = this.state.measuring;
    if (running === this.running) return;
    this.running = running;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.say(running), running ? CALM_MS : 0);
  }

  /** @param {string} running the name of an action or of a prediction; empty: nothing is measured */
  say(running) {
    if (!this.place) return;
    if (running) {
      this.sentence ??= [...this.place.childNodes];
      const label = JSON.parse(of(this.place, "measures") || "{}")[running];
      write(this.place, label ? WORDS.measured.action.replace("{}", label) : WORDS.measured.prediction);
    } else if (this.sentence) {
      this.place.replaceChildren(...this.sentence);
      this.sentence = undefined;
    }
  }

  /** The sentence has changed: it is shown now, or once nothing is measured. @param {Node[]} words */
  change(words) {
    if (this.sentence) this.sentence = words;
    else this.place?.replaceChildren(...words);
  }
}
