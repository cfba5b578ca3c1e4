// @ts-check
// The timeline: what happened, in words, newest last. Words come from a server, so they are text and never markup.
import { Island, clock, known } from "./island.js";

const KEPT = 200;

class Timeline extends Island {
  start() {
    const list = this.querySelector("ol");
    const box = /** @type {HTMLElement | null} */ (this.querySelector(".timeline-scroll"));
    if (!list || !box) return;
    for (const time of list.querySelectorAll("time[data-at]")) time.textContent = clock(Number(time.getAttribute("data-at")), 1);
    let following = true;
    box.addEventListener("scroll", () => { following = box.scrollHeight - box.scrollTop - box.clientHeight < 40; }, { signal: this.gone?.signal });
    this.sizes = new ResizeObserver(() => following && (box.scrollTop = box.scrollHeight));
    this.sizes.observe(box);
    this.on("*", (entry) => {
      if (!entry.says) return;
      list.querySelector(".now")?.classList.remove("now");
      list.append(row(entry));
      while (list.children.length > KEPT) list.firstElementChild?.remove();
      if (following) box.scrollTop = box.scrollHeight;
    });
  }

  stop() {
    this.sizes?.disconnect();
  }
}

/** @param {import("./island.js").Entry} entry */
function row(entry) {
  const item = document.createElement("li");
  item.className = "now";
  const time = document.createElement("time");
  time.dateTime = new Date(entry.at * 1000).toISOString();
  time.textContent = clock(entry.at, 1);
  const mark = document.createElement("i");
  mark.className = `mark ${known(entry.sense)}`;
  mark.setAttribute("aria-hidden", "true");
  const words = document.createElement("span");
  words.textContent = entry.says ?? "";
  item.append(time, mark, words);
  return item;
}

customElements.define("cg-timeline", Timeline);
