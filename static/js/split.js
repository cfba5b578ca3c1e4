// @ts-check
// A lesson's text and its bench. Next to each other: the divider between them is dragged, or moved with the arrow keys, and its
// place is remembered. One below the other: the way back from the bench leads to where the reader was.

const KEY = "cacheground.split";
const [LEAST_REM, MOST_PERCENT, STEP_PERCENT] = [22, 55, 2];

const handle = /** @type {HTMLElement | null} */ (document.querySelector(".split-handle"));
const frame = /** @type {HTMLElement | null} */ (handle?.parentElement);

if (handle && frame) {
  const inner = () => {
    const { paddingInlineStart, paddingInlineEnd } = getComputedStyle(frame);
    return { left: frame.getBoundingClientRect().left + parseFloat(paddingInlineStart), width: frame.clientWidth - parseFloat(paddingInlineStart) - parseFloat(paddingInlineEnd) };
  };
  const least = () => Math.ceil((100 * LEAST_REM * parseFloat(getComputedStyle(document.documentElement).fontSize)) / inner().width);
  const now = () => Math.round((100 * (handle.previousElementSibling?.clientWidth ?? 0)) / inner().width);

  const tell = () => {
    handle.setAttribute("aria-valuemin", String(least()));
    handle.setAttribute("aria-valuenow", String(now()));
    handle.setAttribute("aria-valuetext", `${now()} % of the page`);
  };

  /** @param {number} percent */
  const move = (percent) => {
    const kept = Math.max(least(), Math.min(MOST_PERCENT, percent));
    frame.style.setProperty("--split", `${kept.toFixed(1)}%`);
    localStorage.setItem(KEY, kept.toFixed(1));
    tell();
  };

  const kept = Number(localStorage.getItem(KEY));
  if (kept) frame.style.setProperty("--split", `${kept}%`);
  tell();
  window.addEventListener("resize", tell);
  handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
  handle.addEventListener("pointermove", (event) => {
    if (handle.hasPointerCapture(event.pointerId)) move((100 * (event.clientX - inner().left)) / inner().width);
  });
  handle.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: now() - STEP_PERCENT, ArrowRight: now() + STEP_PERCENT, Home: least(), End: MOST_PERCENT }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
}

let place = 0;
document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const leaves = target.closest('a[href$="#bench"], form[data-opens]');
  if (leaves && !leaves.closest("#bench")) place = scrollY;
  else if (place && target.closest("[data-to-text]")) {
    event.preventDefault();
    scrollTo({ top: place });
    /** @type {HTMLElement | null} */ (document.querySelector(".bench-jump a"))?.focus({ preventScroll: true });
  }
});
