// @ts-check
// The shop on two phones: draws what each of them was really answered, and says how the two differ.
import { make, mark, write } from "./dom.js";
import { Island, clock, figure, known } from "./island.js";

/** @typedef {{phone: string, item: number, name: string, category: string, price: number | "", stock: number | "", stars: number | "", reviews: number | "", meaning: string, took_ms: number, cache_ms: number, problem: string, at: number}} Page */

const BY = { hit: "answered by the cache", miss: "answered by the database", read: "answered by the database", stale: "answered by the cache", error: "not answered", none: "answered" };

class Shop extends Island {
  /** @type {Record<string, Page>} */
  pages = {};

  start() {
    this.pages = JSON.parse(this.dataset.phones ?? "{}");
    this.on("table-changed", (entry) => {
      if (entry.table !== "phones") return;
      this.pages = Object.fromEntries(entry.rows.map((/** @type {Page} */ row) => [row.phone, row]));
      this.draw();
    });
    this.draw();
  }

  draw() {
    const longest = Math.max(0, ...Object.values(this.pages).map((page) => page.took_ms));
    for (const set of this.querySelectorAll("[data-phone]")) {
      const page = this.pages[set.getAttribute("data-phone") ?? ""];
      if (page) this.show(set, page, longest);
    }
    const { through, around } = this.pages;
    if (through && around) write(this.querySelector("[data-says]"), compared(through, around));
  }

  /** @param {Element} set @param {Page} page @param {number} longest ms, of both phones: their bars have one scale */
  show(set, page, longest) {
    const isOld = page.meaning === "stale";
    set.querySelector(".product")?.setAttribute("data-state", page.problem ? "error" : isOld ? "old" : "current");
    write(set.querySelector("[data-clock]"), clock(page.at).slice(0, 5));
    write(set.querySelector("[data-item]"), String(page.item));
    write(set.querySelector("[data-name]"), page.problem || page.name);
    write(set.querySelector("[data-about]"), [`Product ${page.item}`, page.category].filter(Boolean).join(" · "));
    write(set.querySelector("[data-price]"), page.price === "" ? "" : `€ ${figure(page.price, 2)}`);
    set.querySelector("[data-verdict]")?.replaceChildren(...(isOld ? [make("span", { class: "sense stale" }, mark("stale"), "old price")] : []));
    set.querySelector("[data-facts]")?.replaceChildren(...facts(page));
    set.querySelector("[data-answered]")?.replaceChildren(...answered(page, longest));
  }
}

/** @param {Page} page */
function facts(page) {
  const found = [];
  if (page.stock !== "") found.push(["Stock", figure(page.stock, 0)]);
  if (page.stars !== "") found.push(["Stars", `${figure(page.stars, 1)} of 5, ${figure(Number(page.reviews), 0)} reviews`]);
  return found.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
}

/** @param {Page} page @param {number} longest */
function answered(page, longest) {
  const sense = known(page.meaning);
  const bar = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  bar.setAttribute("aria-hidden", "true");
  for (const [name, width] of [["base", 100], [sense === "miss" ? "read" : sense, longest ? Math.max(1, 100 * page.took_ms / longest) : 0]]) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", String(name));
    rect.setAttribute("width", `${width}%`);
    rect.setAttribute("height", "8");
    bar.append(rect);
  }
  const words = /** @type {Record<string, string>} */ (BY)[sense] ?? BY.none;
  return [
    make("p", {}, make("span", { class: `sense ${sense}` }, mark(sense), words), make("b", {}, `${figure(page.took_ms, 1)} ms`)),
    bar,
    make("p", { class: "scale-note" }, `Time with the servers. Both bars have the same scale: ${figure(longest, 1)} ms.`),
  ];
}

/** @param {Page} through @param {Page} around */
function compared(through, around) {
  if (through.problem || around.problem) return through.problem ? "Phone 1 got no answer from the shop." : "Phone 2 got no answer from the database.";
  if (through.item !== around.item) return "The phones show different products. Reload both phones to compare them.";
  if (through.price !== around.price) return `Phone 1 still shows ${figure(Number(through.price), 2)}: the cache has the old page. The database has ${figure(Number(around.price), 2)}.`;
  if (through.meaning === "hit" && around.took_ms > 0) return `Both phones show the same price. The cache answered phone 1 in ${figure(through.took_ms, 1)} ms, the database phone 2 in ${figure(around.took_ms, 1)} ms.`;
  return "Both phones show the same price.";
}

customElements.define("cg-shop", Shop);
