// @ts-check
// The page of all terms: shows those that have what is typed in their names or their text.
import { write } from "./dom.js";

class Glossary extends HTMLElement {
  connectedCallback() {
    this.field = /** @type {HTMLInputElement} */ (this.querySelector("input"));
    this.entries = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[data-entry]")]);
    this.words = new Map(this.entries.map((entry) => [entry, `${entry.dataset.entry} ${entry.querySelector("dd")?.textContent}`.toLowerCase()]));
    this.field.addEventListener("input", () => this.narrow());
    this.querySelector("[data-all]")?.addEventListener("click", () => {
      this.showAll();
      this.field.focus();
    });
    // A link to a term that the filter hides leads to it all the same.
    this.addEventListener("click", (event) => {
      const link = /** @type {Element} */ (event.target).closest('a[href^="#"]');
      if (link && document.getElementById(link.getAttribute("href")?.slice(1) ?? "")?.closest("[hidden]")) this.showAll();
    });
    this.narrow();
  }

  showAll() {
    this.field.value = "";
    this.narrow();
  }

  narrow() {
    const typed = this.field.value.trim();
    const asked = typed.toLowerCase();
    let shown = 0;
    for (const entry of this.entries ?? []) {
      entry.hidden = !this.words?.get(entry)?.includes(asked);
      shown += Number(!entry.hidden);
    }
    for (const letter of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-letter]"))) letter.hidden = !letter.querySelector("[data-entry]:not([hidden])");
    this.querySelector("nav")?.toggleAttribute("hidden", asked !== "");
    this.querySelector("[data-none]")?.toggleAttribute("hidden", shown > 0 || !this.entries?.length);
    write(this.querySelector("[data-words]"), typed);
    write(this.querySelector("output"), `${shown} term${shown === 1 ? "" : "s"}`);
  }
}

customElements.define("cg-glossary", Glossary);
