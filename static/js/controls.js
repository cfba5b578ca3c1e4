// @ts-check
// Controls: faders tell their value while they move; what can't be done now is not offered; a change from elsewhere shows.
import { Island } from "./island.js";

const POSITIONS = 1000;

/** @param {HTMLInputElement} input a logarithmic fader @returns {{low: number, high: number, shift: number, step: number}} */
function ends(input) {
  const [low, high, step] = [Number(input.dataset.low), Number(input.dataset.high), Number(input.dataset.step)];
  const shift = low > 0 ? 0 : step || 1;
  return { low: low + shift, high: high + shift, shift, step };
}

/** @param {HTMLInputElement} input @returns {number} the value at the fader's place; the same arithmetic as portal/bench/log_scale.py */
export function valueAt(input) {
  if (input.name !== "position") return Number(input.value);
  const { low, high, shift, step } = ends(input);
  const raw = low * (high / low) ** (Number(input.value) / POSITIONS) - shift;
  const grain = raw > 0 ? Math.max(step, 10 ** (Math.floor(Math.log10(raw)) - 1)) : step;
  return Math.min(Math.max(Number((Math.round(raw / grain) * grain).toFixed(9)), low - shift), high - shift);
}

class Controls extends Island {
  start() {
    this.addEventListener("input", (event) => {
      const input = event.target;
      if (!(input instanceof HTMLInputElement) || input.type !== "range") return;
      const text = `${Number(valueAt(input).toPrecision(6))}${input.dataset.unit ? ` ${input.dataset.unit}` : ""}`;
      this.label(input, text);
    }, { signal: this.gone?.signal });
    this.on("setting-changed", (entry) => this.show(entry));
    this.on("step-started", () => this.toggle("[data-stepping]", "[data-idle]"));
    this.on("step-finished", () => this.toggle("[data-idle]", "[data-stepping]"));
    this.on("load-changed", (entry) => {
      this.toggle(entry.running ? "[data-load-on]" : "[data-load-off]", entry.running ? "[data-load-off]" : "[data-load-on]");
      const about = this.querySelector("[data-load-about]");
      if (about) about.textContent = entry.about;
    });
    this.on("server-changed", (entry) => this.offer(`[data-fault-server="${CSS.escape(entry.server)}"]`, entry.state));
    this.on("link-changed", (entry) => this.offer(`[data-fault-link="${CSS.escape(entry.link)}"]`, entry.state));
  }

  /** @param {string} shown @param {string} hidden */
  toggle(shown, hidden) {
    const had = this.contains(document.activeElement);
    for (const part of this.querySelectorAll(hidden)) /** @type {HTMLElement} */ (part).hidden = true;
    for (const part of this.querySelectorAll(shown)) /** @type {HTMLElement} */ (part).hidden = false;
    if (had && (document.activeElement === document.body || /** @type {HTMLElement} */ (document.activeElement)?.hidden)) {
      /** @type {HTMLElement | null} */ (this.querySelector(`button${shown}`))?.focus();
    }
  }

  /** @param {string} where @param {string} state */
  offer(where, state) {
    for (const part of this.querySelectorAll(`${where}[data-when], ${where} [data-when]`)) {
      /** @type {HTMLElement} */ (part).hidden = !(part.getAttribute("data-when") ?? "").split(" ").includes(state);
    }
  }

  /** @param {HTMLInputElement} input @param {string} text */
  label(input, text) {
    const output = input.closest(".fader")?.querySelector("output");
    if (output) output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  }

  /** @param {any} entry */
  show(entry) {
    for (const form of this.bench?.querySelectorAll(`form[data-control="${CSS.escape(entry.name)}"]`) ?? []) {
      for (const input of form.querySelectorAll("input, select")) {
        if (input instanceof HTMLSelectElement) input.value = String(entry.value);
        else if (input instanceof HTMLInputElement && input.type === "radio") input.checked = input.value === String(entry.value);
        else if (input instanceof HTMLInputElement && input.type === "range" && !input.matches(":active")) {
          const { low, high, shift } = ends(input);
          const place = input.name === "position" ? Math.round((POSITIONS * Math.log((Number(entry.value) + shift) / low)) / Math.log(high / low)) : Number(entry.value);
          if (valueAt(input) !== Number(entry.value)) input.value = String(place);
          this.label(input, entry.shown);
        }
      }
    }
  }
}

customElements.define("cg-controls", Controls);
