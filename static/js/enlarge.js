// @ts-check
// On the wall: the keys + and - change the size of all text; it is remembered.

const KEY = "cacheground.enlarge";
const SIZES = [1, 1.15, 1.3, 1.5];
const root = document.documentElement;

/** @param {number} size */
const take = (size) => root.style.setProperty("--enlarge", String(size));

if (root.dataset.view === "projector") {
  let now = Math.max(0, SIZES.indexOf(Number(localStorage.getItem(KEY))));
  take(SIZES[now]);
  document.addEventListener("keydown", (event) => {
    const by = { "+": 1, "=": 1, "-": -1 }[event.key];
    const typing = event.target instanceof Element && event.target.matches("input:not([type=radio], [type=range]), textarea, select");
    if (!by || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    now = Math.max(0, Math.min(SIZES.length - 1, now + by));
    localStorage.setItem(KEY, String(SIZES[now]));
    take(SIZES[now]);
  });
}
