// @ts-check
// The shop on two phones: draws what each of them was really answered, and says how the two differ. A page that has not arrived
// yet shows wells, and for how long it has been loading.
import { statusOf } from "./ask.js";
import { make, mark, of, write } from "./dom.js";
import { Island, clock, figure, known } from "./island.js";

/** @typedef {{phone: string, item: number, name: string, category: string, price: number | "", stock: number | "", stars: number | "", reviews: number | "", meaning: string, took_ms: number, cache_ms: number, problem: string, at: number}} Page */

const BY = { hit: "answered by the cache", miss: "answered by the database", read: "answered by the database", stale: "answered by the cache", error: "not answered", none: "answered" };

/** Which phones each button loads. @type {Record<string, string[]>} */
const LOADS = { "action:reload-both-phones": ["through", "around"], "action:reload-phone-1": ["through"] };
/** A page that arrives sooner than this shows no wells: they would only flicker. */
const WELLS_MS = 300;
const AGAIN_MS = 500;

class Shop extends Island {
  /** @type {Record<string, Page>} */
  pages = {};
  /** @type {Map<string, number>} since when each phone waits for its page */
  waits = new Map();
  /** @type {Map<Element, Node>} what a phone shows before its first page */
  empty = new Map();

  start() {
    this.pages = JSON.parse(this.dataset.phones ?? "{}");
    for (const set of this.querySelectorAll("[data-phone]")) this.empty.set(set, /** @type {Node} */ (set.querySelector(".product")?.cloneNode(true)));
    this.on("table-changed", (entry) => {
      if (entry.table !== "phones") return;
      const before = this.pages;
      this.pages = Object.fromEntries(entry.rows.map((/** @type {Page} */ row) => [row.phone, row]));
      for (const name of this.waits.keys()) if (this.pages[name]?.at !== before[name]?.at) this.waits.delete(name);
      this.draw();
    });
    const signal = this.gone?.signal;
    this.addEventListener("htmx:before:request", (event) => this.wait(LOADS[of(/** @type {any} */ (event).detail.ctx.sourceElement, "use")] ?? []), { signal });
    this.addEventListener("htmx:finally:request", (event) => {
      const { response, sourceElement } = /** @type {any} */ (event).detail.ctx;
      const status = statusOf(response?.raw);
      if (status < 200 || status > 299) this.giveUp(LOADS[of(sourceElement, "use")] ?? []);
    }, { signal });
    this.draw();
  }

  stop() {
    window.clearTimeout(this.timer);
  }

  /** @param {string[]} phones whose pages were asked for */
  wait(phones) {
    for (const name of phones) this.waits.set(name, Date.now());
    window.clearTimeout(this.timer);
    if (phones.length) this.timer = window.setTimeout(() => this.tick(), WELLS_MS);
  }

  /** Say of each page that has not arrived for how long it has been loading. */
  tick() {
    for (const set of this.empty.keys()) {
      const since = this.waits.get(of(set, "phone"));
      if (since) this.showWells(set, Date.now() - since);
    }
    if (this.waits.size) this.timer = window.setTimeout(() => this.tick(), AGAIN_MS);
  }

  /** @param {string[]} phones whose pages will not come: the request was refused, or lost */
  giveUp(phones) {
    for (const name of phones) this.waits.delete(name);
    this.draw();
  }

  draw() {
    const longest = Math.max(0, ...Object.values(this.pages).map((page) => page.took_ms));
    for (const [set, empty] of this.empty) {
      if (this.waits.has(of(set, "phone"))) continue;
      const [page, product] = [this.pages[of(set, "phone")], set.querySelector(".product")];
      product?.removeAttribute("aria-busy");
      if (page) this.show(set, page, longest);
      else if (product?.getAttribute("data-state") === "waiting") product.replaceWith(empty.cloneNode(true));
    }
    const { through, around } = this.pages;
    if (through && around) write(this.querySelector("[data-says]"), compared(through, around));
  }

  /** @param {Element} set @param {number} ms for which its page has been loading */
  showWells(set, ms) {
    const product = set.querySelector(".product");
    product?.setAttribute("data-state", "waiting");
    product?.setAttribute("aria-busy", "true");
    for (const part of ["[data-name]", "[data-price]", "[data-verdict]", "[data-facts]", "[data-answered]"]) set.querySelector(part)?.replaceChildren();
    write(set.querySelector("[data-about]"), `This page has been loading for ${figure(ms / 1000, 1)} s.`);
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
