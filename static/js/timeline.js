// @ts-check
// The timeline: what happened, in words, newest last. Words come from a server, so they are text and never markup.
import { make, mark } from "./dom.js";
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
      if (!entry.sentence) return;
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
  const time = make("time", { datetime: new Date(entry.at * 1000).toISOString() }, clock(entry.at, 1));
  return make("li", { class: "now" }, time, mark(known(entry.sense)), make("span", {}, entry.sentence ?? ""));
}

customElements.define("cg-timeline", Timeline);
