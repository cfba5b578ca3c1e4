// @ts-check
// What became of an action, next to the control that was pressed: it stays until the next action. A toast is for what has no
// place, or none that is in sight.
import { make, mark } from "./dom.js";
import { toast } from "./toast.js";

const PLACE = "[data-outcome]";

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
  place.className = `outcome ${sense}`;
  place.replaceChildren();
  if (!isSaid(place, words)) place.append(...(sense === "none" ? [] : [mark(sense)]), make("span", {}, words));
  place.toggleAttribute("tabindex", false);
  if (place.scrollHeight > place.clientHeight) place.tabIndex = 0;
}

/** True of what the sentence under the drawing says already, right above. @param {Element} place @param {string} words */
const isSaid = (place, words) => Boolean(place.closest(".act")) && (place.closest("cg-bench")?.querySelector(".says")?.textContent ?? "").replaceAll("\u00a0", " ").includes(words.replaceAll("\u00a0", " "));

/** The sentence under a drawing has changed. @param {Element} drawing */
export function hush(drawing) {
  const place = drawing.closest("cg-bench")?.querySelector(`cg-controls .act > ${PLACE}`);
  const words = place?.textContent;
  if (place && words && isSaid(place, words)) place.replaceChildren();
}

/**
 * Another action begins: what the one before came to is over.
 * @param {Element} control
 */
export function begin(control) {
  last = undefined;
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
