// @ts-check
// Elements, made by calls and never from markup, and their words: what every island needs of the page.

const SVG = "http://www.w3.org/2000/svg";

/** @param {Element | null | undefined} place @param {string} text */
export function write(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}

/**
 * Sets an attribute, unless it has this value: to set it again costs as much as a new value.
 * @param {Element} element @param {string} name @param {string} value
 */
export function put(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {Element} element @param {string} name @returns {string} its data attribute of this name, empty if it has none */
export function of(element, name) {
  return element.getAttribute(`data-${name}`) ?? "";
}

/** @param {Element} item whose tick is new: it is drawn once, as soon as it is in sight */
export function drawTick(item) {
  item.setAttribute("data-new-tick", "");
  item.addEventListener("animationend", () => item.removeAttribute("data-new-tick"), { once: true });
}

/**
 * An element of a page.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} inside
 */
export function make(name, attributes = {}, ...inside) {
  return dressed(document.createElement(name), attributes, inside);
}

/**
 * An element of a drawing.
 * @param {string} name
 * @param {Record<string, string | number>} [attributes] numbers are rounded to a tenth
 * @param {(Node | string)[]} inside
 */
export function draw(name, attributes = {}, ...inside) {
  return dressed(document.createElementNS(SVG, name), attributes, inside);
}

/** @param {string} meaning @returns {HTMLElement} its shape; its word stands next to it */
export function mark(meaning) {
  return make("i", { class: `mark ${meaning}`, "aria-hidden": "true" });
}

/** @param {string} meaning @param {Node | string} words */
export function sense(meaning, words) {
  return make("span", { class: `sense ${meaning}` }, mark(meaning), words);
}

/**
 * @template {Element} T
 * @param {T} element @param {Record<string, string | number>} attributes @param {(Node | string)[]} inside @returns {T}
 */
function dressed(element, attributes, inside) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? String(Math.round(value * 10) / 10) : value);
  element.append(...inside);
  return element;
}
