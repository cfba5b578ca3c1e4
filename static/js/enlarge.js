// @ts-check
// On the wall: the keys + and - change the size of all text; it is remembered.
import { isOurs } from "./keys.js";

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
    if (!by || !isOurs(event)) return;
    now = Math.max(0, Math.min(SIZES.length - 1, now + by));
    localStorage.setItem(KEY, String(SIZES[now]));
    take(SIZES[now]);
  });
}
