// @ts-check
// What becomes of a measurement that a form asked for, while its answer is under way: it waits for another one, or runs.
import { ask } from "./ask.js";
import { of, write } from "./dom.js";

const FIRST_MS = 250;
const THEN_MS = 1000;

class Measuring extends HTMLElement {
  connectedCallback() {
    const form = this.closest("form");
    this.gone = new AbortController();
    const { signal } = this.gone;
    form?.addEventListener("htmx:before:request", (event) => event.target === form && this.begin(), { signal });
    form?.addEventListener("htmx:finally:request", (event) => event.target === form && this.end(), { signal });
  }

  disconnectedCallback() {
    this.gone?.abort();
    this.end();
  }

  begin() {
    write(this, of(this, "sent"));
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.look(), FIRST_MS);
    this.isUnderWay = true;
  }

  end() {
    this.isUnderWay = false;
    window.clearTimeout(this.timer);
    write(this, "");
  }

  async look() {
    try {
      const { ok, text } = await ask(of(this, "url"), { headers: { Accept: "text/html" }, signal: this.gone?.signal });
      if (this.isUnderWay && ok && text) write(this, text);
    } catch {
      // The answer to the form itself says what is wrong.
    }
    if (this.isUnderWay) this.timer = window.setTimeout(() => this.look(), THEN_MS);
  }
}

customElements.define("cg-measuring", Measuring);
