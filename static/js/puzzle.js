// @ts-check
// The puzzle of the start page: the steps can be put in another order, and an order is played from what real servers did with it.
import { mark, write } from "./dom.js";

const KEPT = "puzzle";

/** @typedef {{stale: boolean, verdict: string, end: string, steps: [string, number][]}} Played */

class Puzzle extends HTMLElement {
  connectedCallback() {
    /** @type {{texts: string[], orders: Record<string, Played>}} */
    const { texts, orders } = JSON.parse(this.dataset.puzzle ?? "{}");
    this.texts = texts;
    this.orders = orders;
    /** @type {Set<string>} */
    this.tried = new Set([this.letters, ...kept().filter((order) => order in orders)]);
    this.chosen = 0;
    this.score();
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => this.pressed(event));
    this.addEventListener("pointerdown", (event) => this.grab(event));
    this.addEventListener("focusin", (event) => {
      const at = this.at(event);
      if (at >= 0) this.choose(at);
    });
  }

  /** @returns {HTMLElement[]} the steps in their order */
  get steps() {
    return [...this.querySelectorAll("[data-worker]")].map((step) => /** @type {HTMLElement} */ (step));
  }

  get letters() {
    return this.steps.map((step) => step.dataset.worker).join("");
  }

  /** @param {string} part @returns {HTMLElement} */
  part(part) {
    return /** @type {HTMLElement} */ (this.querySelector(part));
  }

  /** @param {Event} event @returns {number} the place of the step that it is about; -1 if none */
  at(event) {
    const step = /** @type {HTMLElement} */ (event.target).closest("[data-worker]");
    return step ? this.steps.indexOf(/** @type {HTMLElement} */ (step)) : -1;
  }

  /** @param {number} at */
  choose(at) {
    this.chosen = at;
    this.steps.forEach((step, index) => step.toggleAttribute("data-chosen", index === at));
  }

  /** @param {number} from @param {number} to @returns {boolean} true if that makes another order: a worker's own steps keep theirs */
  move(from, to) {
    const steps = this.steps;
    const letters = [...this.letters];
    if (to < 0 || to >= steps.length) return false;
    letters.splice(to, 0, ...letters.splice(from, 1));
    if (letters.join("") === this.letters) return false;
    /** @type {Record<string, HTMLElement[]>} */
    const left = {};
    for (const step of steps) (left[step.dataset.worker ?? ""] ??= []).push(step);
    this.part(".order").append(...letters.flatMap((letter) => left[letter].splice(0, 1)));
    for (const step of this.steps) show(step, "none", "");
    this.say("", "These steps have not been played in this order.");
    this.score();
    return true;
  }

  /** @param {number} from @param {number} by one place up or down */
  nudge(from, by) {
    const step = this.steps[from];
    const name = this.nameOf(step);
    const moved = this.move(from, from + by);
    if (moved) this.say("", `${name} is step ${from + by + 1} of ${this.steps.length} now.`);
    else this.say("", `${name} stays step ${from + 1}. Each worker takes its own steps in order.`);
    this.choose(moved ? from + by : from);
  }

  /** @param {HTMLElement} step */
  nameOf(step) {
    return `${step.dataset.worker}: ${step.querySelector(".order-step > :last-child")?.textContent}`;
  }

  play() {
    const played = this.orders?.[this.letters];
    if (!played) return;
    this.tried?.add(this.letters);
    this.steps.forEach((step, index) => {
      const [sense, text] = played.steps[index];
      show(step, sense, this.texts?.[text] ?? "");
    });
    this.say(played.verdict, played.end, played.stale);
    this.score();
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([...(this.tried ?? [])]));
    } catch {
      // a browser that keeps nothing: the page still knows
    }
  }

  /** @param {string} strong @param {string} words @param {boolean} [stale] */
  say(strong, words, stale = false) {
    const end = this.part("[data-end]");
    const verdict = document.createElement("b");
    verdict.textContent = strong;
    end.classList.toggle("stale", stale);
    end.replaceChildren(...(stale ? [mark("stale")] : []), ...(strong ? [verdict, " "] : []), words);
  }

  /** The boxes, how many were found, and the link to this order in the lab. */
  score() {
    const letters = this.letters;
    for (const box of this.querySelectorAll("[data-order]")) {
      const order = box.getAttribute("data-order") ?? "";
      const tried = Boolean(this.tried?.has(order));
      const stale = Boolean(this.orders?.[order].stale);
      box.toggleAttribute("data-tried", tried);
      box.toggleAttribute("data-here", order === letters);
      if (tried) box.querySelector(".mark")?.setAttribute("class", `mark ${stale ? "stale" : "plain"}`);
      write(box.querySelector("[data-word]"), tried ? (stale ? "stale price" : "no stale price") : "not tried");
    }
    const orders = Object.entries(this.orders ?? {}).filter(([, played]) => played.stale);
    const found = orders.filter(([order]) => this.tried?.has(order)).length;
    const many = this.tried?.size ?? 0;
    write(this.part("[data-score]"), `You have tried ${many} order${many === 1 ? "" : "s"} and found ${found} of ${orders.length}.`);
    this.part("[data-all-found]").hidden = found < orders.length;
    const link = /** @type {HTMLAnchorElement} */ (this.part("[data-lab]"));
    const url = new URL(link.href);
    url.searchParams.set("order", letters);
    link.href = url.href;
  }

  /** @param {Event} event */
  clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (button?.matches("[data-play]")) this.play();
    if (button?.dataset.move) this.nudge(this.chosen ?? 0, Number(button.dataset.move));
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const at = this.at(event);
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (at < 0 || !by) return;
    event.preventDefault();
    this.nudge(at, by);
    this.focusOn(this.chosen ?? at);
  }

  /** @param {number} at */
  focusOn(at) {
    /** @type {HTMLElement | null} */ (this.steps[at].querySelector("button"))?.focus();
  }

  /** @param {PointerEvent} event */
  grab(event) {
    let from = this.at(event);
    const onGrip = /** @type {HTMLElement} */ (event.target).closest(".grip");
    const isCard = /** @type {HTMLElement} */ (event.target).closest(".order-step");
    if (from < 0 || !isCard || event.button || (event.pointerType === "touch" && !onGrip)) return;
    this.choose(from);
    const over = new AbortController();
    window.addEventListener("pointermove", (move) => {
      const to = this.steps.findIndex((step) => {
        const box = step.getBoundingClientRect();
        return move.clientY >= box.top && move.clientY < box.bottom;
      });
      if (to < 0 || to === from || !this.move(from, to)) return;
      from = to;
      this.choose(to);
      this.steps.forEach((step, index) => step.toggleAttribute("data-held", index === to));
    }, { signal: over.signal });
    for (const type of ["pointerup", "pointercancel"]) {
      window.addEventListener(type, () => {
        over.abort();
        this.querySelector("[data-held]")?.removeAttribute("data-held");
        this.focusOn(from);
      }, { signal: over.signal });
    }
  }
}

/** @param {HTMLElement} step @param {string} sense "none" before it is played, and where it was not needed @param {string} left what it found or left */
function show(step, sense, left) {
  step.dataset.sense = sense;
  step.toggleAttribute("data-left-out", sense === "none" && left !== "");
  step.querySelector(".mark")?.setAttribute("class", `mark ${sense}`);
  write(step.querySelector("[data-left]"), left);
}

/** @returns {string[]} the orders that were tried in this tab */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

customElements.define("cg-puzzle", Puzzle);
