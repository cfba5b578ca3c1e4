// @ts-check
// The card at the end of a lab: asked for when the last check is met. A browser remembers that it was folded away.
import { Island } from "./island.js";
import { remember, remembered } from "./remembered.js";

class End extends Island {
  start() {
    const name = `end-folded-${this.bench?.dataset.lab}`;
    const fold = () => this.querySelector("details");
    const card = fold();
    if (card && remembered(name)) card.open = false;
    this.addEventListener("toggle", () => remember(name, fold()?.open ? null : "yes"), { capture: true, signal: this.gone?.signal });
    this.bench?.addEventListener("all-met", () => fold() || this.dispatchEvent(new CustomEvent("end-reached")), { signal: this.gone?.signal });
  }
}

customElements.define("cg-end", End);
