// @ts-check
// Controls: faders show their value while they move; what can't be done now is not offered; a change from elsewhere shows.
import { write } from "./dom.js";
import { isChanging } from "./in-order.js";
import { Island } from "./island.js";

/** @param {HTMLInputElement} input a logarithmic fader @returns {[number, number][]} its values, each with the first place at which it is shown */
const stopsOf = (input) => JSON.parse(input.dataset.stops ?? "[]");

/** @param {HTMLInputElement} input @returns {number} the value at the fader's place */
export function valueAt(input) {
  const place = Number(input.value);
  return input.dataset.stops ? stopsOf(input).findLast(([from]) => from <= place)?.[1] ?? 0 : place;
}

/** @param {HTMLInputElement} input @param {number} value @returns {number} its place: that of the value itself, else of the next one above */
export function placeOf(input, value) {
  return input.dataset.stops ? (stopsOf(input).find(([, stop]) => stop >= value) ?? stopsOf(input).at(-1) ?? [0])[0] : value;
}

/** @param {number} value @param {string} unit @returns {string} as labs/lab/controls.py shows it: “20 s”, “4,000/s” */
function shown(value, unit) {
  const number = value.toLocaleString("en-US", { maximumSignificantDigits: Number.isInteger(value) ? 21 : 6 });
  return `${number}${unit && !unit.startsWith("/") ? " " : ""}${unit}`;
}

/** The keys that move a fader by one value, and where to. @type {Record<string, number>} */
const BY_ONE = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

/** @param {KeyboardEvent} event on a logarithmic fader, which has many places for one value: go to the next value */
function goToNextStop(event) {
  const input = event.target;
  const by = BY_ONE[event.key];
  if (!(input instanceof HTMLInputElement) || !input.dataset.stops || !by || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const stops = stopsOf(input);
  const [place] = stops[stops.findLastIndex(([from]) => from <= Number(input.value)) + by] ?? [];
  if (place === undefined) return;
  input.value = String(place);
  for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
}

class Controls extends Island {
  start() {
    this.addEventListener("input", (event) => {
      const input = event.target;
      if (!(input instanceof HTMLInputElement) || input.type !== "range") return;
      this.label(input, shown(valueAt(input), input.dataset.unit ?? ""));
    }, { signal: this.gone?.signal });
    this.addEventListener("keydown", goToNextStop, { signal: this.gone?.signal });
    this.on("setting-changed", (entry) => this.show(entry));
    this.on("step-started", () => this.toggle("[data-stepping]", "[data-idle]"));
    this.on("step-finished", () => this.toggle("[data-idle]", "[data-stepping]"));
    this.on("load-changed", (entry) => {
      this.toggle(entry.running ? "[data-load-on]" : "[data-load-off]", entry.running ? "[data-load-off]" : "[data-load-on]");
      write(this.querySelector("[data-load-about]"), entry.about);
    });
    this.on("server-changed", (entry) => this.offer(`[data-fault-server="${CSS.escape(entry.server)}"]`, entry.state));
    this.on("link-changed", (entry) => this.offer(`[data-fault-link="${CSS.escape(entry.link)}"]`, entry.state));
  }

  /** @param {string} shown @param {string} hidden */
  toggle(shown, hidden) {
    const had = this.contains(document.activeElement);
    for (const part of this.querySelectorAll(hidden)) part.toggleAttribute("hidden", true);
    for (const part of this.querySelectorAll(shown)) part.toggleAttribute("hidden", false);
    if (had && (document.activeElement === document.body || /** @type {HTMLElement} */ (document.activeElement)?.hidden)) {
      /** @type {HTMLElement | null} */ (this.querySelector(`button${shown}`))?.focus();
    }
  }

  /** @param {string} where @param {string} state */
  offer(where, state) {
    for (const part of this.querySelectorAll(`${where}[data-when], ${where} [data-when]`)) {
      part.toggleAttribute("hidden", !(part.getAttribute("data-when") ?? "").split(" ").includes(state));
    }
  }

  /** @param {HTMLInputElement} input @param {string} text */
  label(input, text) {
    write(input.closest(".fader")?.querySelector("output"), text);
    input.setAttribute("aria-valuetext", text);
  }

  /** @param {any} entry */
  show(entry) {
    for (const form of this.bench?.querySelectorAll(`form[data-control="${CSS.escape(entry.name)}"]`) ?? []) {
      for (const input of form.querySelectorAll("input, select")) {
        if (input instanceof HTMLSelectElement) input.value = String(entry.value);
        else if (input instanceof HTMLInputElement && input.type === "radio") input.checked = input.value === String(entry.value);
        else if (input instanceof HTMLInputElement && input.type === "range") {
          const isOther = valueAt(input) !== Number(entry.value);
          if (isOther && (input.matches(":active") || isChanging(form))) continue; // a newer value is on its way
          if (isOther) input.value = String(placeOf(input, Number(entry.value)));
          this.label(input, entry.shown);
        }
      }
    }
  }
}

customElements.define("cg-controls", Controls);
