// @ts-check
// Short news in a corner: what the server answered, or that it did not. Text only, never markup.

const LIFE_MS = 7000;

/**
 * @param {string} text
 * @param {{sense?: string, hint?: string}} [options]
 */
export function toast(text, { sense = "none", hint = "" } = {}) {
  const place = document.querySelector("[data-toasts]");
  if (!place || !text) return;
  const box = document.createElement("p");
  box.className = `toast ${sense}`;
  const mark = document.createElement("i");
  mark.className = `mark ${sense}`;
  mark.setAttribute("aria-hidden", "true");
  const words = document.createElement("span");
  words.textContent = hint ? `${text} ${hint}` : text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet small";
  close.textContent = "Close";
  close.addEventListener("click", () => box.remove());
  box.append(mark, words, close);
  place.append(box);
  while (place.children.length > 4) place.firstElementChild?.remove();
  const timer = setTimeout(() => box.remove(), LIFE_MS);
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("focusin", () => clearTimeout(timer));
}

document.addEventListener("htmx:error", () => toast("The portal did not answer.", { sense: "error", hint: "Nothing was lost; try again." }));
document.addEventListener("toast", (event) => {
  if (event instanceof CustomEvent && typeof event.detail?.text === "string") toast(event.detail.text, event.detail);
});
