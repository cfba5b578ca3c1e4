// @ts-check
// What became of an action, next to the control that was pressed: it stays until the next action. A toast is for what has no
// place, or none that is in sight.
import { make, mark } from "./dom.js";
import { hushToast, toast } from "./toast.js";

const PLACE = "[data-outcome]";
const NEXT = ".guide-next";

/** @typedef {{text: string, hint?: string, sense?: string}} Outcome */
/** @type {{action: string, outcome: Outcome} | undefined} what was done last on a bench, for the bench that is drawn in the place of this one */
let last;

/**
 * Where the outcome of a control is said: in its form, else in its group, else under the drawing; the first that is seen.
 * @param {Element | null | undefined} control @returns {HTMLElement | undefined}
 */
export function placeOf(control) {
  const around = [control?.closest("form"), control?.closest("[data-outcomes]"), control?.closest("cg-bench")?.querySelector("cg-controls")];
  const places = /** @type {HTMLElement[]} */ (around.map((one) => one?.querySelector(PLACE)).filter(Boolean));
  return places.find((place) => place.getClientRects().length) ?? places.at(-1);
}

const LINE_PX = 18;

/** True if at least a line of it is seen. @param {Element} place */
function isInSight(place) {
  const { top, bottom, height } = place.getBoundingClientRect();
  return height > 0 && bottom >= LINE_PX && top <= window.innerHeight - LINE_PX;
}

/** @param {HTMLElement} place @param {Outcome} outcome */
function write(place, { text, hint = "", sense = "none" }) {
  const words = [text, hint].filter(Boolean).join(" ");
  const next = place.querySelector(NEXT);
  place.className = `outcome ${sense}`;
  place.replaceChildren();
  if (!isSaid(place, words)) place.append(...(sense === "none" ? [] : [mark(sense)]), make("span", {}, words));
  if (next) place.append(next);
  place.toggleAttribute("tabindex", false);
  if (place.scrollHeight > place.clientHeight) place.tabIndex = 0;
}

/** True of what the sentence under the drawing says already, right above. @param {Element} place @param {string} words */
const isSaid = (place, words) => Boolean(place.closest(".act")) && (place.closest("cg-bench")?.querySelector(".says")?.textContent ?? "").replaceAll("\u00a0", " ").includes(words.replaceAll("\u00a0", " "));

/** The sentence under a drawing has changed. @param {Element} drawing */
export function hush(drawing) {
  const place = drawing.closest("cg-bench")?.querySelector(`cg-controls .act > ${PLACE}`);
  const said = place?.querySelector(`:scope > span:not(${NEXT})`);
  if (place && said?.textContent && isSaid(place, said.textContent)) place.replaceChildren(...place.querySelectorAll(NEXT));
}

/**
 * Say in the place of a control what is next; empty words take that away again.
 * @param {Element | null | undefined} control @param {string} words @param {(Node | string)[]} more
 */
export function sayNext(control, words, ...more) {
  for (const said of document.querySelectorAll(NEXT)) said.remove();
  const place = control?.closest(".prediction") ?? placeOf(control);
  if (words) place?.append(make("span", { class: NEXT.slice(1) }, words, ...more));
}

/**
 * Another action begins: what the one before came to is over.
 * @param {Element} control
 */
export function begin(control) {
  last = undefined;
  hushToast();
  for (const place of control.closest("cg-bench")?.querySelectorAll(PLACE) ?? []) place.replaceChildren();
}

/**
 * @param {Element | null | undefined} control that was pressed; it may have been drawn again since
 * @param {string} action its address @param {Outcome} outcome
 */
export function show(control, action, outcome) {
  const pressed = control?.isConnected ? control : find(document, action);
  const place = placeOf(pressed);
  if (pressed?.closest("cg-bench")) last = { action, outcome };
  if (place) write(place, outcome);
  if (!place || !isInSight(place)) toast(outcome.text, outcome);
}

/** Say it once more on a bench that was drawn again. @param {Element} bench */
export function restore(bench) {
  const place = last && placeOf(find(bench, last.action));
  if (last && place) write(place, last.outcome);
}

/** The control that sends to this address. @param {Document | Element} where @param {string} action */
const find = (where, action) => [...where.querySelectorAll("[hx-post]")].find((one) => one.getAttribute("hx-post") === action);
