// @ts-check
// A console's line: earlier lines by the arrow keys, completion by Tab. Escape, then Tab, leaves, so no keyboard is trapped.
import { write } from "./dom.js";
import { Island } from "./island.js";

const KEPT = 100;
const ANSWER_MS = 5000;

class Console extends Island {
  start() {
    const form = this.querySelector("form");
    this.input = this.querySelector("input");
    this.log = this.querySelector("pre");
    /** @type {string[]} */
    this.earlier = [];
    this.at = 0;
    this.leaving = false;
    if (!form || !this.input) return;
    const signal = this.gone?.signal;
    this.input.addEventListener("keydown", (event) => this.key(event), { signal });
    form.addEventListener("htmx:before:request", () => this.sent(), { signal });
    form.addEventListener("htmx:finally:request", () => {
      if (this.log) this.log.scrollTop = this.log.scrollHeight;
      this.input?.focus();
    }, { signal });
  }

  sent() {
    const line = this.input?.value.trim() ?? "";
    if (line && this.earlier?.at(-1) !== line) this.earlier?.push(line);
    this.earlier = this.earlier?.slice(-KEPT);
    this.at = this.earlier?.length ?? 0;
    if (this.input) this.input.value = "";
    this.offer([]);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      this.recall(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "Escape") {
      this.leaving = true;
      this.offer([]);
    } else if (event.key === "Tab" && !event.shiftKey && !this.leaving && this.input?.value.trim()) {
      event.preventDefault();
      this.complete();
    } else if (event.key !== "Shift") {
      this.leaving = false;
    }
  }

  /** @param {number} by */
  recall(by) {
    const lines = this.earlier ?? [];
    this.at = Math.min(Math.max((this.at ?? 0) + by, 0), lines.length);
    if (this.input) {
      this.input.value = lines[this.at] ?? "";
      this.input.setSelectionRange(this.input.value.length, this.input.value.length);
    }
  }

  async complete() {
    const text = this.input?.value ?? "";
    const url = `${this.dataset.complete}?server=${encodeURIComponent(this.dataset.server ?? "")}&text=${encodeURIComponent(text)}`;
    try {
      const response = await fetch(url, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(ANSWER_MS) });
      if (!response.ok || this.input?.value !== text) return;
      /** @type {string[]} */
      const options = (await response.json()).options ?? [];
      const start = common(options);
      if (options.length === 1) this.input.value = `${options[0]} `;
      else if (start.length > text.length) this.input.value = start;
      this.offer(options.length > 1 ? options : []);
    } catch {
      this.offer([]);
    }
  }

  /** @param {string[]} options */
  offer(options) {
    const place = this.querySelector(".options");
    write(place, options.slice(0, 40).join("   "));
    place?.toggleAttribute("hidden", options.length === 0);
  }
}

/** @param {string[]} texts @returns {string} what all of them begin with */
export function common(texts) {
  let start = texts[0] ?? "";
  for (const text of texts) while (!text.toLowerCase().startsWith(start.toLowerCase())) start = start.slice(0, -1);
  return start;
}

customElements.define("cg-console", Console);
