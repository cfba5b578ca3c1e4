// @ts-check
// The guide: shows the current step, ticks those that are done, opens the tab of its control and lights the control. In the bench
// the key n leads to that control.
import { drawTick, make, write } from "./dom.js";
import { Island } from "./island.js";
import { isOurs } from "./keys.js";
import { Lead, TABS } from "./lead.js";
import { sayNext } from "./outcome.js";
import { remember, remembered } from "./remembered.js";
import { WORDS } from "./words.js";

const LIT = "lit";
const FOLDED = "guide-folded";

class Guide extends Island {
  start() {
    this.way = new Lead(this, () => this.lead(true));
    this.on("guide-moved", (entry) => this.move(entry.current + 1, entry.done));
    this.bench?.addEventListener("bench-shifted", () => this.light(), { signal: this.gone?.signal });
    this.bench?.addEventListener("keydown", (event) => {
      if (event.key === "n" && isOurs(event)) this.way?.show();
    }, { signal: this.gone?.signal });
    const fold = this.querySelector("details");
    if (fold && remembered(FOLDED)) fold.open = false;
    fold?.addEventListener("toggle", () => {
      if (this.current) remember(FOLDED, fold.open ? null : "yes");
    }, { signal: this.gone?.signal });
    document.addEventListener("htmx:after:swap", () => {
      this.light();
      if (this.used) this.sayNext();
    }, { signal: this.gone?.signal });
    // The bench has by then written into the address which tab a lesson asked for.
    customElements.whenDefined("cg-bench").then(() => this.isConnected && this.lead(!new URL(location.href).searchParams.has("gear")));
  }

  stop() {
    this.darken();
    this.way?.stop();
  }

  /** @returns {number} the current step, from 1; 0 when all are done */
  get current() {
    return Number(this.dataset.current);
  }

  /** @returns {HTMLElement | null} what is said of the current step */
  get step() {
    return this.querySelector(`[data-step="${this.current}"]`);
  }

  /** @param {number} current @param {number[]} done counted from 0 */
  move(current, done) {
    const before = this.current;
    this.used = this.step?.dataset.useOf ?? "";
    this.sayWhy(done);
    this.dataset.current = String(current > Number(this.dataset.steps) ? 0 : current);
    const check = this.step?.dataset.ofCheck ?? "0";
    for (const item of this.querySelectorAll("[data-step-mark]")) {
      item.toggleAttribute("hidden", item.getAttribute("data-of-check") !== check);
      const number = Number(item.getAttribute("data-step-mark"));
      if (!number) continue;
      const state = number === this.current ? "now" : done.includes(number - 1) ? "done" : "todo";
      if (state === "done" && item.getAttribute("data-state") !== "done") drawTick(item);
      item.setAttribute("data-state", state);
      write(item.querySelector("[data-word]"), WORDS.guide[state]);
    }
    for (const name of ["data-step", "data-step-line"]) {
      for (const part of this.querySelectorAll(`[${name}]`)) part.toggleAttribute("hidden", Number(part.getAttribute(name)) !== this.current);
    }
    if (this.current === before) return;
    const fold = this.querySelector("details");
    if (fold && !this.current) fold.open = false;
    this.lead(true);
    this.sayNext();
  }

  /**
   * Say why the steps mattered that are done now and were not before. Steps with nothing to press end together with the one
   * before them, so its reason stays.
   * @param {number[]} done counted from 0
   */
  sayWhy(done) {
    const reasons = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[data-why]")]);
    const isDone = (/** @type {number} */ number) => done.includes(number - 1);
    const wasDone = (/** @type {number} */ number) => this.querySelector(`[data-step-mark="${number}"]`)?.getAttribute("data-state") === "done";
    const isWatched = (/** @type {number} */ number) => !(/** @type {HTMLElement | null} */ (this.querySelector(`[data-step="${number}"]`))?.dataset.useOf);
    const numbers = reasons.map((why) => Number(why.dataset.why)).filter(Boolean);
    const fresh = numbers.filter((number) => isDone(number) && !wasDone(number));
    const said = reasons.filter((why) => !why.hidden).map((why) => Number(why.dataset.why)).filter(isDone);
    const shown = [...(fresh.every(isWatched) ? said : []), ...fresh].slice(-Number(reasons[0]?.parentElement?.dataset.limit));
    for (const why of reasons) {
      const number = Number(why.dataset.why);
      why.hidden = !(shown.length ? shown : [0]).includes(number);
      if (fresh.includes(number)) drawTick(why);
    }
  }

  /** Say the next step where the hand is, if neither the strip nor, on a phone, the row of actions shows it. */
  sayNext() {
    const used = [...document.querySelectorAll(`[data-use="${CSS.escape(this.used ?? "")}"]`)];
    const hand = used.find((control) => control.getClientRects().length) ?? this.bench?.querySelector("cg-controls");
    const isShown = [this, this.bench?.querySelector("[data-step-here]")].some((line) => line && isInSight(line));
    const words = isShown ? "" : (this.step?.dataset.next ?? "");
    sayNext(hand, words, " ", make("button", { class: "button small quiet", type: "button", "data-show-me": "", hidden: "" }));
    this.way?.offer();
  }

  /** @param {boolean} opens the tab of the step's control, too */
  lead(opens) {
    const gear = this.step?.dataset.gear ?? "";
    if (opens && TABS.includes(gear)) /** @type {any} */ (this.bench)?.shift?.(gear, false);
    this.light();
  }

  /** Light the control of the current step, and open what it is folded in. */
  light() {
    this.darken();
    const step = this.step;
    const controls = this.controls(step?.dataset.useOf ?? "", JSON.parse(step?.dataset.fields ?? "{}"));
    this.way?.to(controls);
    for (const control of controls) {
      control.classList.add(LIT);
      control.setAttribute("data-step-no", step?.dataset.place ?? "");
      control.setAttribute("data-lit", String(this.current));
      for (let fold = control.closest("details"); fold; fold = fold.parentElement?.closest("details") ?? null) fold.open = true;
    }
  }

  darken() {
    for (const lit of document.querySelectorAll("[data-lit]")) {
      lit.classList.remove(LIT);
      lit.removeAttribute("data-step-no");
      lit.removeAttribute("data-lit");
    }
  }

  /**
   * The controls of this name; of several, as one for each browser, those whose hidden fields are as the step asks.
   * @param {string} name @param {Record<string, string | number>} fields
   */
  controls(name, fields) {
    if (!name) return [];
    const found = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`[data-use="${CSS.escape(name)}"]`)]);
    return found.filter((control) => {
      const hidden = control.closest("form")?.querySelectorAll('input[type="hidden"]') ?? [];
      return [...hidden].every((input) => !(input instanceof HTMLInputElement) || !(input.name in fields) || input.value === String(fields[input.name]));
    });
  }
}

/** @param {Element} element */
function isInSight(element) {
  const { top, bottom, height } = element.getBoundingClientRect();
  return height > 0 && top >= 0 && bottom <= innerHeight;
}

customElements.define("cg-guide", Guide);
