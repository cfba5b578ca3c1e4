// @ts-check
// Shows what a term means while the pointer is over it or the keyboard is on it; a first tap shows it, too, a second one follows
// the link to the glossary. Escape closes.
import { make } from "./dom.js";

const GAP = 6;
const EDGE = 8;
const OPEN_MS = 150;
const CLOSE_MS = 250;

const note = make("div", { class: "term-note", id: "term-note", role: "tooltip", popover: "manual" });
/** @type {HTMLElement | null} the term that the note is about */
let shown = null;
let timer = 0;
/** @type {Element | null} the term that was touched while its note was closed */
let touched = null;

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
const termAt = (target) => (target instanceof Element ? target.closest("a.term") : null);

/** @param {() => void} work @param {number} wait */
function later(work, wait) {
  clearTimeout(timer);
  timer = window.setTimeout(work, wait);
}

/** @param {HTMLElement} term */
function show(term) {
  clearTimeout(timer);
  if (shown === term) return;
  hide();
  shown = term;
  note.textContent = term.dataset.means ?? "";
  if (!note.isConnected) document.body.append(note);
  note.showPopover();
  term.setAttribute("aria-describedby", note.id);
  place();
}

function hide() {
  clearTimeout(timer);
  shown?.removeAttribute("aria-describedby");
  shown = null;
  if (note.isConnected) note.hidePopover();
}

/** Under the term, or over it where there is more room, inside the window. */
function place() {
  if (!shown) return;
  const { left, top, bottom } = shown.getBoundingClientRect();
  if (!shown.isConnected || bottom < 0 || top > innerHeight) {
    hide();
    return;
  }
  const { offsetWidth: width, offsetHeight: height } = note;
  const isUnder = bottom + GAP + height + EDGE <= innerHeight || innerHeight - bottom >= top;
  note.style.left = `${Math.max(EDGE, Math.min(left, document.documentElement.clientWidth - width - EDGE))}px`;
  note.style.top = `${isUnder ? bottom + GAP : top - GAP - height}px`;
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const term = termAt(event.target);
  if (term) later(() => show(term), shown ? 0 : OPEN_MS);
  else if (note.contains(/** @type {Node} */ (event.target))) clearTimeout(timer);
});
document.addEventListener("pointerout", (event) => {
  const isLeft = termAt(event.target) ?? (note.contains(/** @type {Node} */ (event.target)) ? note : null);
  if (isLeft && event.pointerType !== "touch" && document.activeElement !== shown) later(hide, CLOSE_MS);
});
document.addEventListener("focusin", (event) => {
  const term = termAt(event.target);
  if (term?.matches(":focus-visible")) show(term);
});
document.addEventListener("focusout", (event) => {
  if (termAt(event.target) === shown) hide();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !shown) return;
  event.stopPropagation();
  hide();
}, { capture: true });
document.addEventListener("pointerdown", (event) => {
  const term = termAt(event.target);
  touched = event.pointerType === "touch" && term !== shown ? term : null;
  if (!term && !note.contains(/** @type {Node} */ (event.target))) hide();
});
document.addEventListener("click", (event) => {
  const term = termAt(event.target);
  if (!term || term !== touched) return;
  touched = null;
  event.preventDefault();
  show(term);
});
document.addEventListener("scroll", place, { capture: true, passive: true });
window.addEventListener("resize", place);
document.addEventListener("htmx:after:swap", place);
