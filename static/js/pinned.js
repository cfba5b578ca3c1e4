// @ts-check
// The check that is next: of the guide's current step, else the first that is not met.
import { Island } from "./island.js";

class Pinned extends Island {
  start() {
    this.goals = /** @type {string[]} */ (JSON.parse(this.dataset.goals ?? "[]"));
    this.on("guide-moved", (entry) => {
      if (this.goals?.length) this.show(this.goals[entry.current] ?? "");
    });
    this.on("check-changed", () => {
      if (!this.goals?.length) this.show(this.bench?.querySelector('[data-check]:not([data-state="met"])')?.getAttribute("data-check") ?? "");
    });
  }

  /** @param {string} check empty: all are met */
  show(check) {
    for (const claim of this.querySelectorAll("[data-pinned]")) claim.toggleAttribute("hidden", claim.getAttribute("data-pinned") !== check);
  }
}

customElements.define("cg-pinned", Pinned);
