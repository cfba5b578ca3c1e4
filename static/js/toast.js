// @ts-check
// Short news in a corner: what the server answered, or that it did not. Text only, never markup.
import { make, mark } from "./dom.js";

const LIFE_MS = 7000;
const AT_ONCE = 4;

/**
 * @param {string} text
 * @param {{sense?: string, hint?: string}} [options]
 */
export function toast(text, { sense = "none", hint = "" } = {}) {
  const place = document.querySelector("[data-toasts]");
  const words = hint ? `${text} ${hint}` : text;
  if (!place || !text || (sense === "error" && [...place.querySelectorAll("span")].some((said) => said.textContent === words))) return;
  place.append(make("p", { class: `toast ${sense}` }, mark(sense), make("span", {}, words)));
}

/** @param {Element} box give it a way to close and an end */
function dress(box) {
  const close = make("button", { type: "button", class: "button quiet small" }, "Close");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  const timer = window.setTimeout(() => box.remove(), LIFE_MS);
  for (const type of ["pointerenter", "focusin"]) box.addEventListener(type, () => window.clearTimeout(timer));
}

const place = document.querySelector("[data-toasts]");
if (place) {
  for (const box of place.children) dress(box);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) dress(node);
    while (place.children.length > AT_ONCE) place.firstElementChild?.remove();
  }).observe(place, { childList: true });
}
document.addEventListener("toast", (event) => {
  if (event instanceof CustomEvent && typeof event.detail?.text === "string") toast(event.detail.text, event.detail);
});
