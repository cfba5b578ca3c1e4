// @ts-check
// The way to the control of the guide’s current step. What is folded away, or far below, comes under the row of actions. Where
// the control is out of sight, the guide says where it is and offers to go there: the page never scrolls by itself. A page that
// has some of the controls only, as the shop, has a link to the bench for the others.
import { make, write } from "./dom.js";
import { WORDS } from "./words.js";

/** So much of a control, or so many pixels of it, is enough to find it. */
const ENOUGH = 0.6;
const ENOUGH_PX = 100;
/** What comes to the row: a card with a prediction, a setting, an action, the faults of a server or a link. */
const COMES = ".bench-predictions > .prediction, .more .control, .more .action, .more .faults > li";

export const TABS = ["step", "load", "break"];
/** Where the hand begins in a card or a form. */
const ASKS = "input:checked[name=value], input:not([type=radio], [type=hidden]), input[type=radio], select, textarea, button";

/** @typedef {HTMLElement & {bench: HTMLElement | null, current: number, step: HTMLElement | null}} Guide */

export class Lead {
  /** @param {Guide} guide @param {() => void} open opens the tab of the step */
  constructor(guide, open) {
    this.guide = guide;
    this.open = open;
    /** @type {HTMLAnchorElement | null} */
    this.away = guide.querySelector("[data-on-bench]");
    /** @type {HTMLElement[]} */
    this.controls = [];
    /** @type {Record<string, Comment>} where that stood which is under the row of actions */
    this.from = {};
    /** The step that asked for the card under the row. */
    this.cardOf = 0;
    /** @type {Set<Element>} */
    this.inSight = new Set();
    /** True once the observer has looked where the controls are. */
    this.looked = false;
    /** The step whose control had to be looked for. */
    this.offered = -1;
    this.observer = new IntersectionObserver((changes) => this.seen(changes), { threshold: [0, 0.3, ENOUGH] });
    this.gone = new AbortController();
    document.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("[data-show-me]")) this.show();
    }, { signal: this.gone.signal });
  }

  stop() {
    this.observer.disconnect();
    this.gone.abort();
  }

  /** @returns {HTMLElement[]} the buttons that lead there: in the strip, on a phone in the row of actions, where the hand is */
  buttons() {
    return [...document.querySelectorAll("[data-show-me]")].filter((button) => button instanceof HTMLElement);
  }

  /** @param {HTMLElement[]} controls those of the current step; none if there is nothing to press */
  to(controls) {
    this.observer.disconnect();
    this.inSight.clear();
    this.looked = !controls.length;
    this.controls = controls;
    this.makeRoom();
    this.bring(controls[0]?.closest(COMES));
    for (const control of controls) this.observer.observe(control);
    write(this.guide.bench?.querySelector("[data-step-here]"), this.words());
    this.offer();
  }

  /** @returns {string} the current step as the strip says it; empty when all are done */
  words() {
    return this.guide.current ? (this.guide.querySelector(`[data-step-line="${this.guide.current}"]`)?.textContent ?? "") : "";
  }

  /**
   * What the step needs comes under the row of actions and stays there, with what became of it, until something else does:
   * then it goes back. A card has a place of its own: its result stays while the next steps are done.
   * @param {Element | null | undefined} part
   */
  bring(part) {
    if (!part || !this.guide.bench?.contains(part) || part.contains(document.activeElement)) return;
    const kind = part.matches(".prediction") ? "card" : "control";
    const place = /** @type {HTMLElement | null} */ (this.guide.bench.querySelector(`[data-needed="${kind}"]`));
    if (!place) return;
    const had = place.contains(document.activeElement);
    this.putBack(kind, place);
    if (kind === "card") this.cardOf = this.guide.current;
    this.from[kind] = new Comment();
    part.replaceWith(this.from[kind]);
    place.replaceChildren(part.matches("li") ? make("ul", { class: "faults", role: "list" }, part) : part);
    if (had) place.focus({ preventScroll: true });
  }

  /** @param {string} kind @param {Element} place */
  putBack(kind, place) {
    this.from[kind]?.replaceWith(...(place.firstElementChild?.matches("ul") ? place.firstElementChild.children : place.children));
    delete this.from[kind];
  }

  /** On the wall a card takes the room of other things, so it goes when the step after its own is done, too. */
  makeRoom() {
    const isOver = this.cardOf && ![this.cardOf, this.cardOf + 1].includes(this.guide.current);
    const place = this.guide.bench?.querySelector('[data-needed="card"]');
    if (!isOver || !place || document.documentElement.dataset.view !== "projector") return;
    this.putBack("card", place);
    this.cardOf = 0;
  }

  /** @param {IntersectionObserverEntry[]} changes */
  seen(changes) {
    for (const { target, intersectionRatio, intersectionRect } of changes) {
      if (intersectionRatio >= ENOUGH || intersectionRect.height >= ENOUGH_PX) this.inSight.add(target);
      else this.inSight.delete(target);
    }
    this.looked = true;
    this.offer();
  }

  /**
   * Say where the control is, as long as it is out of sight. When it comes in sight the button keeps its room until the next step:
   * the control must not move under the finger that has just found it. Nothing is offered before the observer has looked.
   */
  offer() {
    if (this.away) this.leadAway(this.away);
    if (!this.looked) return;
    const where = this.inSight.size ? "" : this.where();
    const { current } = this.guide;
    if (where) this.offered = current;
    for (const button of this.buttons()) {
      button.hidden = this.offered !== current;
      button.toggleAttribute("data-found", !where);
      if (where || button.hidden) write(button, where);
    }
  }

  /** Where the control is not on this page: the way to the bench, and to its tab there. @param {HTMLAnchorElement} link */
  leadAway(link) {
    const gear = this.guide.step?.dataset.gear ?? "";
    const tab = TABS.includes(gear) ? gear[0].toUpperCase() + gear.slice(1) : "";
    link.hidden = !this.guide.current || this.controls.some((control) => control.getClientRects().length);
    link.search = tab ? `?gear=${gear}` : "";
    write(link, tab ? WORDS.lead.benchTab.replace("{}", tab) : WORDS.lead.bench);
  }

  /** @returns {string} */
  where() {
    const [first] = this.controls;
    const { bench } = this.guide;
    if (!first || this.away?.hidden === false) return "";
    if (!first.getClientRects().length) return WORDS.lead.tab.replace("{}", this.tab());
    if (!bench?.contains(first)) return WORDS.lead.text;
    return first.getBoundingClientRect().top < window.innerHeight / 2 ? WORDS.lead.above : WORDS.lead.below;
  }

  /** @returns {string} the label of the step's tab */
  tab() {
    return this.guide.bench?.querySelector(`[data-gear-tab="${this.guide.step?.dataset.gear}"]`)?.firstChild?.textContent ?? "";
  }

  /** Go there: the tab, the place, and the hand on the control. */
  show() {
    if (this.away?.hidden === false) return this.away.focus();
    const [first] = this.controls;
    if (!first) return;
    if (!first.getClientRects().length) this.open();
    const card = first.closest(".prediction");
    const inside = /** @type {HTMLElement | null} */ ((card ?? first).querySelector(ASKS));
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    (card ?? first).scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    (!card && first.matches("button, input, select, a") ? first : inside)?.focus({ preventScroll: true });
  }
}
