// @ts-check
// News without a place on the page: one at a time, where it covers no control. Text only, never markup.
import { make, mark } from "./dom.js";

const LIFE_MS = 7000;
const EDGE = 12;
const STEP = 10;
const CONTROLS = "a[href], button, input, select, textarea, summary, label, [tabindex]:not([tabindex='-1'])";

/**
 * @param {string} text
 * @param {{sense?: string, hint?: string}} [options]
 */
export function toast(text, { sense = "none", hint = "" } = {}) {
  const place = document.querySelector("[data-toasts]");
  if (!place || !text) return;
  place.replaceChildren(make("p", { class: `toast ${sense}` }, mark(sense), make("span", {}, hint ? `${text} ${hint}` : text)));
}

/** What was said is over: something else begins. */
export function hushToast() {
  document.querySelector("[data-toasts]")?.replaceChildren();
}

/** @param {Element} box give it a way to close and an end */
function dress(box) {
  const close = make("button", { type: "button", class: "button quiet small" }, "Close");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  const timer = window.setTimeout(() => box.remove(), LIFE_MS);
  for (const type of ["pointerenter", "focusin"]) box.addEventListener(type, () => window.clearTimeout(timer));
}

/** @typedef {{left: number, top: number, right: number, bottom: number}} Rect */

/** @param {Rect} one @param {Rect} other @returns {number} square pixels that they share */
const shared = (one, other) => Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left)) * Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));

/** The controls in sight. @param {Element} place @returns {Rect[]} */
function controls(place) {
  return [...document.querySelectorAll(CONTROLS)]
    .filter((one) => !place.contains(one) && one.checkVisibility())
    .map((one) => one.getBoundingClientRect())
    .filter((rect) => rect.width > 1 && rect.bottom > 0 && rect.top < window.innerHeight);
}

/** Puts the toast where it covers no control: where it is, else as low as can be, at the right or at the left. @param {HTMLElement} place */
function settle(place) {
  if (!place.childElementCount) return;
  const now = place.getBoundingClientRect();
  const { width, height } = now;
  if (!height) return;
  const found = controls(place);
  const isWhole = now.top >= 0 && now.bottom <= window.innerHeight && now.right <= document.documentElement.clientWidth;
  if (isWhole && place.style.top && !found.some((rect) => shared(now, rect))) return;
  let best = { covered: Infinity, left: 0, top: 0 };
  for (let top = window.innerHeight - height - EDGE; top >= EDGE && best.covered; top -= STEP) {
    for (const left of [document.documentElement.clientWidth - width - EDGE, EDGE]) {
      const here = { left: left - 4, top: top - 4, right: left + width + 4, bottom: top + height + 4 };
      const covered = found.reduce((sum, rect) => sum + shared(here, rect), 0);
      if (covered < best.covered) best = { covered, left, top };
    }
  }
  place.style.left = `${best.left}px`;
  place.style.top = `${best.top}px`;
}

const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-toasts]"));
if (place) {
  while (place.children.length > 1) place.firstElementChild?.remove();
  for (const box of place.children) dress(box);
  let waiting = 0;
  const again = () => {
    window.cancelAnimationFrame(waiting);
    waiting = window.requestAnimationFrame(() => settle(place));
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) dress(node);
    settle(place);
  }).observe(place, { childList: true });
  window.addEventListener("resize", again);
  document.addEventListener("scroll", again, { capture: true, passive: true });
  settle(place);
}
