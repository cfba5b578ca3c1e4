// @ts-check
// What the hand was on when a bench opens: the page stays where it is, and the bench's first control has the focus; where a
// prediction waits for the bench, the button that measures it. Opening may take several benches, one in the place of the other:
// queued, opening, open.

/** @type {"" | "opens" | "shows"} */
let asked = "";
/** @type {Element | null} the bench that stood there then; its own script may come later than the question */
let before = null;
/** @type {HTMLElement | null | undefined} the button that measures the prediction that asked */
let measure;

document.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLElement) ask(event.target.closest("form[data-opens]"));
});
// Asked before this script had come: the form's button waits for the answer.
ask(document.querySelector("form[data-opens]:has(button:disabled)"));

/** @param {Element | null} form */
function ask(form) {
  if (!form) return;
  asked = form.getAttribute("data-opens") ? "shows" : "opens";
  before = document.querySelector("cg-bench");
  measure = form.closest(".prediction")?.querySelector("button[name=measure]");
}

/**
 * Give the focus to the first control of a bench that the learner asked for; show the bench if the learner asked from afar.
 * @param {HTMLElement} bench
 */
export function arrive(bench) {
  if (!asked || bench === before || bench.dataset.phase === "queued" || bench.dataset.phase === "opening") return;
  const [shows, here] = [asked === "shows", document.activeElement];
  asked = "";
  if (here && here !== document.body && !bench.contains(here) && !here.closest("form[data-opens]")) return;
  if (measure?.isConnected) return measure.focus({ preventScroll: true });
  const lit = bench.querySelector("[data-lit]");
  const controls = [lit, ...(lit?.querySelectorAll("input, select, button") ?? []), ...bench.querySelectorAll(".act button, .act input, .state-box button")];
  const first = controls.find((control) => control instanceof HTMLElement && control.matches("button, input, select") && control.checkVisibility());
  /** @type {HTMLElement} */ (first ?? bench).focus({ preventScroll: true });
  const { top, bottom } = bench.getBoundingClientRect();
  if (shows && (top > innerHeight / 2 || bottom < innerHeight / 2)) bench.scrollIntoView({ block: "start" });
}
