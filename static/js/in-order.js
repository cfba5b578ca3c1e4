// @ts-check
// What is pressed right after a change of a control is sent when the change was answered: a control waits a moment before it
// sends, for a fader moves in steps, and "Start afresh" or a measurement would overtake it.

const CONTROL = "form[data-control]";
/** A control that has sent nothing after this time sends nothing: it waits for less (_control.html). */
const BEGUN_MS = 2000;
/** A change that has no answer after this time holds nothing up any more. */
const ANSWERED_MS = 20000;

/** @typedef {{sent?: object, timer: number}} Change `sent` is the request that carries it */
/** @type {Map<Element, Change>} the controls whose newest change has no answer yet */
const changes = new Map();
/** @type {(() => void)[]} */
let waiting = [];

/** @param {Element} form of a control @returns {boolean} true while its newest change has no answer */
export const isChanging = (form) => changes.has(form);

/** @param {Event} event @returns {any} what htmx knows of the request */
const requestOf = (event) => /** @type {CustomEvent} */ (event).detail.ctx ?? {};

/** @param {Element} form @param {Change} change */
function over(form, change) {
  window.clearTimeout(change.timer);
  if (changes.get(form) === change) changes.delete(form);
  if (changes.size) return;
  for (const go of waiting) go();
  waiting = [];
}

/** @param {Element} form @param {number} ms how long at most until it is over @param {object} [sent] */
function note(form, ms, sent) {
  window.clearTimeout(changes.get(form)?.timer);
  /** @type {Change} */
  const change = { sent, timer: window.setTimeout(() => over(form, change), ms) };
  changes.set(form, change);
}

document.addEventListener("change", (event) => {
  const form = /** @type {Element} */ (event.target).closest(CONTROL);
  if (form) note(form, BEGUN_MS);
});
document.addEventListener("htmx:config:request", (event) => {
  const context = requestOf(event);
  const { request, sourceElement } = context;
  if (sourceElement.matches(CONTROL)) note(sourceElement, ANSWERED_MS, context);
  else if (request.method !== "GET" && changes.size) {
    context.fetch = async (/** @type {string} */ url, /** @type {RequestInit} */ options) => {
      await new Promise((resolve) => { changes.size ? waiting.push(() => resolve(undefined)) : resolve(undefined); });
      return window.fetch(url, options);
    };
  }
});
document.addEventListener("htmx:finally:request", (event) => {
  const context = requestOf(event);
  const change = changes.get(context.sourceElement);
  if (change && change.sent === context) over(context.sourceElement, change);
});
