// @ts-check
// Flights of files: read by this browser and nowhere else, checked, and drawn one or two at a time.
import { fetched, notTooLong, read } from "./check.js";
import { titled } from "./words.js";
import "../recorder.js";

const ADDRESS = /\/flights\/([A-Za-z0-9_-]{22})(?:\.json)?\/?$/;

class FlightFiles extends HTMLElement {
  /** @type {(import("./words.js").Flight | null)[]} */
  flights = [null, null];

  connectedCallback() {
    for (const side of [0, 1]) {
      const part = this.querySelector(`[data-side="${side}"]`);
      part?.querySelector("input[type=file]")?.addEventListener("change", (event) => this.file(side, /** @type {HTMLInputElement} */ (event.target)));
      part?.querySelector("form")?.addEventListener("submit", (event) => {
        event.preventDefault();
        this.link(side, /** @type {HTMLInputElement | null} */ (part.querySelector("input[name=link]"))?.value ?? "");
      });
    }
  }

  /** @param {number} side @param {HTMLInputElement} input */
  file(side, input) {
    const file = input.files?.[0];
    if (!file) return;
    this.take(side, this.textOf(file).then(read));
  }

  /** @param {File} file */
  async textOf(file) {
    notTooLong(file.size);
    return file.text();
  }

  /** @param {number} side @param {string} address */
  link(side, address) {
    const found = ADDRESS.exec(address.trim().split(/[?#]/)[0]);
    this.take(side, found ? fetched(`/flights/${found[1]}.json`) : Promise.reject(new Error("This is not the link of a shared flight.")));
  }

  /** @param {number} side @param {Promise<import("./words.js").Flight>} coming */
  async take(side, coming) {
    const part = this.querySelector(`[data-side="${side}"]`);
    const [problem, title] = [part?.querySelector("[data-problem]"), part?.querySelector("[data-title]")];
    if (!problem || !title) return;
    try {
      this.flights[side] = await coming;
      [problem.textContent, title.textContent] = ["", titled(this.flights[side]?.title ?? "")];
    } catch (error) {
      this.flights[side] = null;
      [problem.textContent, title.textContent] = [error instanceof Error ? error.message : "This could not be read.", ""];
    }
    const shown = this.flights.filter((flight) => flight !== null);
    const recorder = /** @type {import("../recorder.js").Recorder | null} */ (this.querySelector("cg-recorder"));
    if (shown.length) recorder?.show(shown);
    else recorder?.replaceChildren();
    recorder?.toggleAttribute("hidden", !shown.length);
  }
}

customElements.define("cg-flight-files", FlightFiles);
