// @ts-check
// A console's text: Enter runs it, the arrow keys recall earlier commands, Tab completes. Escape, then Tab, leaves, so no keyboard is trapped.
import { ask } from "./ask.js";
import { write } from "./dom.js";
import { Island } from "./island.js";

const KEPT = 100;
const MOST_ROWS = 8;
const LONGEST_PROMPT = 24;
const LONGEST_COMPLETED = 200;
const ANSWER_MS = 5000;
const NOT_COMPLETED = "The portal did not answer, so nothing was completed. Press Tab to try again.";

class Console extends Island {
  start() {
    const form = this.querySelector("form");
    this.input = this.querySelector("textarea");
    this.log = this.querySelector("pre");
    /** @type {string[]} */
    this.earlier = [];
    this.at = 0;
    this.leaving = false;
    if (!form || !this.input) return;
    const signal = this.gone?.signal;
    this.input.addEventListener("keydown", (event) => this.key(event), { signal });
    this.input.addEventListener("input", () => this.grow(), { signal });
    form.addEventListener("htmx:before:request", () => this.sent(), { signal });
    form.addEventListener("htmx:finally:request", (event) => this.answered(/** @type {CustomEvent} */ (event).detail.ctx), { signal });
    this.on("console-changed", (entry) => {
      if (entry.server === this.dataset.server) this.prompt(entry.prompt);
    });
  }

  sent() {
    const command = this.input?.value.replace(/\n+$/, "") ?? "";
    if (command.trim() && this.earlier?.at(-1) !== command) this.earlier?.push(command);
    this.earlier = this.earlier?.slice(-KEPT);
    this.at = this.earlier?.length ?? 0;
    this.fill("");
    this.offer([]);
  }

  /** What got no answer, or was refused, stands in the line again, unless something else does by now. @param {any} ctx htmx's */
  answered(ctx) {
    const wasRun = ctx.text !== undefined && ctx.response.status < 400;
    if (!wasRun && !this.input?.value) this.fill(ctx.request.body.get("command"));
    const prompt = this.log?.lastElementChild?.getAttribute("data-prompt");
    if (typeof prompt === "string") this.prompt(prompt);
    if (this.log) this.log.scrollTop = this.log.scrollHeight;
    this.input?.focus();
  }

  /** What the prompt shows after the server's name, and what the next command is sent with. @param {string} text */
  prompt(text) {
    write(this.querySelector("[data-prompt-now]"), text.slice(0, LONGEST_PROMPT));
    const sent = /** @type {HTMLInputElement | null} */ (this.querySelector("[name=prompt]"));
    if (sent) sent.value = text;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      // A console whose prompt shows something may wait for a value, which may be blank.
      if (this.input?.value.trim() || this.querySelector("[data-prompt-now]")?.textContent) this.input?.form?.requestSubmit();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      this.arrow(event, event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "Escape") {
      this.leaving = true;
      this.offer([]);
    } else if (event.key === "Tab" && !event.shiftKey && !this.leaving && this.written().trim()) {
      event.preventDefault();
      this.complete();
    } else if (event.key !== "Shift") {
      this.leaving = false;
    }
  }

  /**
   * Moves within several lines; from the first or the last of them to another command.
   * @param {KeyboardEvent} event @param {number} by
   */
  arrow(event, by) {
    const { value = "", selectionStart = 0, selectionEnd = 0 } = this.input ?? {};
    const passed = by < 0 ? value.slice(0, selectionStart) : value.slice(selectionEnd);
    if (event.shiftKey || selectionStart !== selectionEnd || passed.includes("\n")) return;
    event.preventDefault();
    this.recall(by);
  }

  /** @param {number} by */
  recall(by) {
    const commands = this.earlier ?? [];
    this.at = Math.min(Math.max((this.at ?? 0) + by, 0), commands.length);
    this.fill(commands[this.at] ?? "");
  }

  /** @param {string} text @param {number} [caret] */
  fill(text, caret = text.length) {
    if (!this.input) return;
    this.input.value = text;
    this.input.setSelectionRange(caret, caret);
    this.grow();
  }

  /** As many rows as lines. */
  grow() {
    if (this.input) this.input.rows = Math.min(MOST_ROWS, this.input.value.split("\n").length);
  }

  /** @returns {string} the line with the caret, up to there */
  written() {
    return this.input?.value.slice(0, this.input.selectionStart).split("\n").at(-1) ?? "";
  }

  async complete() {
    const text = this.written();
    const before = this.input?.value ?? "";
    const end = this.input?.selectionStart ?? 0;
    if (text.length > LONGEST_COMPLETED) return this.offer([]);
    const body = new URLSearchParams({ server: this.dataset.server ?? "", text });
    try {
      const answer = await ask(this.dataset.complete ?? "", { ms: ANSWER_MS, body });
      if (this.input?.value !== before) return;
      if (!answer.ok) throw new Error(String(answer.status));
      /** @type {string[]} */
      const options = JSON.parse(answer.text).options ?? [];
      const start = common(options);
      const found = options.length === 1 ? `${options[0].trimEnd()} ` : start.length > text.length ? start : "";
      const kept = before.slice(0, end - text.length);
      if (found) this.fill(kept + found + before.slice(end), kept.length + found.length);
      this.offer(options.length > 1 ? options : []);
    } catch {
      if (this.input?.value === before) this.offer([NOT_COMPLETED]);
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
