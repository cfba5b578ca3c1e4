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
      const hint = /** @type {HTMLElement | null} */ (item.querySelector(".hint"));
      write(hint, entry.hint ?? "");
      if (hint) hint.hidden = entry.status === "met" || !entry.hint;
      const before = /** @type {HTMLElement | null} */ (item.querySelector(".before"));
      if (before) before.hidden = entry.status === "met";
      const all = this.querySelectorAll("[data-check]").length;
      write(this.querySelector("[data-met]"), `${this.querySelectorAll('[data-check][data-state="met"]').length} of ${all} met`);
    });
  }
}

/** @param {Record<string, unknown>} evidence */
function proof(evidence) {
  const counters = Object.entries(evidence).map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(6)) : value}`);
  return counters.length ? `(${counters.join(", ")})` : "";
}

customElements.define("cg-checks", Checks);
