// @ts-check
// The verdict on an answer takes the focus that its form had, so that a keyboard stays in its place. It takes none from elsewhere:
// a measurement may end while the next question is being answered.

class Verdict extends HTMLElement {
  connectedCallback() {
    if (!this.hasAttribute("data-new")) return;
    // The form that held the focus is taken away first.
    requestAnimationFrame(() => {
      const card = this.closest("section")?.getBoundingClientRect();
      const isInSight = card && card.bottom > 0 && card.top < innerHeight;
      if (isInSight && document.activeElement === document.body) this.focus();
    });
  }
}

customElements.define("cg-verdict", Verdict);
