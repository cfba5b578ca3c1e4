// @ts-check
// The strategy's text: the statement that stands before the processor is lit, those before it are done.
import { Island } from "./island.js";

class Code extends Island {
  start() {
    const lit = this.querySelector(".lit");
    this.active = Boolean(lit);
    if (lit) show(lit);
    this.on("step-started", (entry) => {
      this.clear();
      this.active = entry.strategy === this.dataset.strategy && entry.function === this.dataset.function;
    });
    this.on("line-reached", (entry) => {
      if (this.active) this.light(entry.line, entry.last_line);
    });
    this.on("step-finished", () => {
      for (const line of this.querySelectorAll(".lit")) line.classList.replace("lit", "done");
      this.active = false;
    });
  }

  clear() {
    for (const line of this.querySelectorAll(".ln")) line.classList.remove("lit", "done");
  }

  /** @param {number} first @param {number} last */
  light(first, last) {
    for (const line of this.querySelectorAll(".ln")) {
      const number = Number(line.getAttribute("data-line"));
      if (line.classList.contains("lit")) line.classList.replace("lit", "done");
      if (number >= first && number <= last) {
        line.classList.remove("done");
        line.classList.add("lit");
        if (number === first) show(line);
      }
    }
  }
}

/** @param {Element} line goes to the middle of its box; the page stays where it is */
function show(line) {
  const box = line.closest("pre");
  if (box) box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
}

customElements.define("cg-code", Code);
