// @ts-check
// Checks: a claim, whether it holds, the counters that say so.
import { write } from "./dom.js";
import { Island } from "./island.js";
import { WORDS } from "./words.js";

class Checks extends Island {
  start() {
    this.on("check-changed", (entry) => {
      const item = this.querySelector(`[data-check="${CSS.escape(entry.check)}"]`);
      if (!item) return;
      item.setAttribute("data-state", entry.status);
      write(item.querySelector("[data-word]"), `${WORDS.checks[entry.status]}: `);
      write(item.querySelector(".evidence"), [entry.message, proof(entry.evidence ?? {})].filter(Boolean).join(" "));
      const hint = item.querySelector(".hint");
      write(hint, entry.hint ?? "");
      hint?.toggleAttribute("hidden", entry.status === "met" || !entry.hint);
      item.querySelector(".before")?.toggleAttribute("hidden", entry.status === "met");
      const met = this.querySelectorAll('[data-check][data-state="met"]');
      write(this.querySelector("[data-met]"), `${met.length} of ${this.querySelectorAll("[data-check]").length} met`);
    });
  }
}

/** @param {Record<string, unknown>} evidence as the page writes it: whole numbers as they are, others with six digits */
function proof(evidence) {
  const counters = Object.entries(evidence).map(([name, value]) => `${name} ${typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value}`);
  return counters.length ? `(${counters.join(", ")})` : "";
}

customElements.define("cg-checks", Checks);
