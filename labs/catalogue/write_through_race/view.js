// @ts-check
// The race: steps that can be put in another order, drawn as a sequence of what each did, and all orders with how they ended.
import { make, mark, sense } from "../../js/dom.js";
import { Island } from "../../js/island.js";
import { picture, placeOf, said } from "./sequence.js";

const OUTCOMES = { stale: "stale", fresh: "hit", empty: "none", impossible: "error" };
const SETTINGS = ["race", "strategy", "start", "ttl_s"];

/** @typedef {Record<string, any>} Row */

class Race extends Island {
  start() {
    /** @type {Row[]} */
    this.rows = JSON.parse(this.dataset.played ?? "[]");
    /** @type {Row[]} */
    this.orders = JSON.parse(this.dataset.orders ?? "[]");
    this.chosen = 0;
    const signal = this.gone?.signal;
    this.on("table-changed", (entry) => {
      if (entry.table === "played") this.take(entry.rows);
      if (entry.table === "orders") {
        this.orders = entry.rows;
        this.list();
      }
    });
    this.on("setting-changed", (entry) => this.set(entry.name, String(entry.value)));
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("keydown", (event) => this.pressed(event), { signal });
    this.addEventListener("pointerdown", (event) => this.grab(event), { signal });
    this.addEventListener("focusin", (event) => {
      const card = /** @type {HTMLElement} */ (event.target).closest("[data-card]");
      if (card) this.choose(Number(card.getAttribute("data-card")));
    }, { signal });
    this.addEventListener("change", (event) => {
      const input = /** @type {HTMLInputElement} */ (event.target);
      if (input.name === "race-filter") this.list();
      if (input.name === "order") input.value = this.letters;
    }, { signal });
    // While it is typed, so that nothing moves when the button is pressed.
    this.addEventListener("input", (event) => {
      const input = /** @type {HTMLInputElement} */ (event.target);
      if (input.name === "order") this.arrange(input.value.toUpperCase());
    }, { signal });
    this.take(this.rows);
    this.list();
  }

  /** @template {HTMLElement} T @param {string} part @returns {T} */
  part(part) {
    return /** @type {T} */ (this.querySelector(part));
  }

  /** @param {Row[]} rows as the sandbox tells them: steps, then perhaps how it ended */
  take(rows) {
    this.end = rows.find((row) => row.step === "end");
    this.rows = rows.filter((row) => row.worker);
    this.draw();
  }

  get letters() {
    return (this.rows ?? []).map((row) => row.worker).join("");
  }

  /**
   * The same steps in another order, which has not been played.
   * @param {string} order
   */
  arrange(order) {
    /** @type {Record<string, Row[]>} */
    const left = {};
    for (const { worker, role, step, server } of this.rows ?? []) (left[worker] ??= []).push({ worker, role, step, server: placeOf(step, server) });
    const rest = Object.entries(left).flatMap(([letter, steps]) => steps.map(() => letter));
    this.rows = [...order, ...rest].flatMap((letter) => left[letter]?.splice(0, 1) ?? []);
    this.end = undefined;
    this.draw();
  }

  /** @param {number} from @param {number} to @returns {boolean} */
  move(from, to) {
    const letters = [...this.letters];
    if (to < 0 || to >= letters.length) return false;
    const [letter] = letters.splice(from, 1);
    letters.splice(to, 0, letter);
    if (letters.join("") === this.letters) return false;
    this.arrange(letters.join(""));
    return true;
  }

  /** @param {number} from @param {number} by one place up or down */
  nudge(from, by) {
    const row = (this.rows ?? [])[from];
    if (!row) return;
    const moved = this.move(from, from + by);
    const at = moved ? from + by : from;
    this.choose(at);
    this.part(`[data-card="${at}"]`)?.focus();
    const now = this.rows?.[at];
    this.part("[data-moved]").textContent = moved
      ? `${now?.worker} ${now?.step} is step ${at + 1} of ${this.rows?.length}.`
      : `It stays step ${from + 1}: a worker’s own steps keep their order.`;
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    for (const card of this.querySelectorAll("[data-card]")) card.toggleAttribute("data-chosen", card.getAttribute("data-card") === String(index));
  }

  /** @param {Event} event */
  clicked(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const by = target.closest("[data-move]")?.getAttribute("data-move");
    if (by) {
      const button = /** @type {HTMLElement} */ (target.closest("[data-move]"));
      this.nudge(this.chosen ?? 0, Number(by));
      button.focus();
    }
    const again = /** @type {HTMLElement | null} */ (target.closest("[data-replay]"));
    const mouse = /** @type {MouseEvent} */ (event);
    if (again && !mouse.ctrlKey && !mouse.metaKey && !mouse.shiftKey) {
      event.preventDefault();
      this.order(again.dataset.replay ?? "");
      /** @type {HTMLFormElement} */ (this.part("[data-play]")).requestSubmit();
      this.part(".race-order").scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const card = /** @type {HTMLElement} */ (event.target).closest("[data-card]");
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (!card || !by) return;
    event.preventDefault();
    this.nudge(Number(card.getAttribute("data-card")), by);
  }

  /** @param {PointerEvent} event */
  grab(event) {
    const card = /** @type {HTMLElement} */ (event.target).closest("[data-card]");
    if (!card || event.button || (event.pointerType === "touch" && !(/** @type {HTMLElement} */ (event.target)).closest(".grip"))) return;
    let from = Number(card.getAttribute("data-card"));
    const done = new AbortController();
    window.addEventListener("pointermove", (move) => {
      const under = [...this.querySelectorAll("[data-row]")].find((row) => {
        const box = row.getBoundingClientRect();
        return move.clientY >= box.top && move.clientY < box.bottom;
      });
      const to = under ? Number(under.getAttribute("data-row")) : from;
      if (to === from) return;
      if (this.move(from, to)) this.part("[data-moved]").textContent = `Step ${to + 1} of ${this.rows?.length}.`;
      from = to;
      this.choose(to);
      this.part(`[data-row="${to}"]`)?.setAttribute("data-held", "");
    }, { signal: done.signal });
    for (const type of ["pointerup", "pointercancel"]) {
      window.addEventListener(type, () => {
        done.abort();
        this.querySelector("[data-held]")?.removeAttribute("data-held");
        this.part(`[data-card="${from}"]`)?.focus();
      }, { signal: done.signal });
    }
  }

  /** @param {string} letters */
  order(letters) {
    /** @type {HTMLInputElement} */ (this.part("input[name=order]")).value = letters;
    this.arrange(letters);
  }

  /** @param {string} name @param {string} value a control was set, here or in another tab */
  set(name, value) {
    for (const field of this.querySelectorAll(`[data-control="${CSS.escape(name)}"] :is(select, input[type=radio])`)) {
      if (field instanceof HTMLSelectElement) field.value = value;
      if (field instanceof HTMLInputElement) field.checked = field.value === value;
    }
  }

  /** @param {string} name */
  setting(name) {
    const field = /** @type {HTMLInputElement | HTMLSelectElement | null} */ (this.querySelector(`[data-control="${name}"] :is(select, input:checked)`));
    return field?.value ?? "";
  }

  draw() {
    const rows = this.rows ?? [];
    const had = document.activeElement?.closest("[data-card]") ? this.chosen : undefined;
    const workers = [...new Set(rows.map((row) => row.worker))].sort();
    const lanes = [...workers, "cache", "database"];
    const roles = Object.fromEntries(rows.map((row) => [row.worker, row.role]));
    const heads = make("span");
    for (const lane of lanes) {
      const head = make("span", { class: "lane" }, lane === "database" ? "" : lane);
      if (lane === "database") head.append(make("span", { class: "long" }, lane), make("span", { class: "short" }, "DB"));
      if (roles[lane]) head.append(make("small", {}, roles[lane]));
      heads.append(head);
    }
    this.part("[data-lanes]").replaceChildren(heads);
    this.style.setProperty("--lanes", String(lanes.length));
    /** @type {Set<string>} */
    const open = new Set();
    this.part("[data-steps]").replaceChildren(...rows.map((row, index) => this.row(row, index, lanes, open)));
    const input = /** @type {HTMLInputElement} */ (this.part("input[name=order]"));
    if (document.activeElement !== input) input.value = this.letters;
    const end = this.part("[data-end]");
    end.replaceChildren();
    end.dataset.outcome = this.end?.meaning ?? "";
    if (this.end) end.append(mark(OUTCOMES[/** @type {"stale"} */ (this.end.meaning)]), String(this.end.reply));
    else end.append("These steps have not been taken in this order yet.");
    this.choose(Math.min(this.chosen ?? 0, rows.length - 1));
    if (had !== undefined) this.part(`[data-card="${had}"]`)?.focus();
  }

  /** @param {Row} row @param {number} index @param {string[]} lanes @param {Set<string>} open whose transactions are open before this step */
  row(row, index, lanes, open) {
    const line = make("li");
    const stale = typeof row.cached === "number" && row.cached < row.committed;
    line.className = `race-step ${row.worker.toLowerCase()}`;
    line.dataset.row = String(index);
    line.dataset.meaning = row.meaning ?? "";
    line.toggleAttribute("data-stale", stale);
    const card = make("button", { class: "card-of-step" });
    card.setAttribute("type", "button");
    card.dataset.card = String(index);
    card.setAttribute("aria-describedby", "race-help");
    const grip = make("i", { class: "grip" });
    grip.setAttribute("aria-hidden", "true");
    card.append(grip, make("b", { class: "letter" }, row.worker), make("span", {}, row.step));
    const drawn = make("div", { class: "picture" });
    drawn.append(picture(row, lanes, open, stale));
    line.append(card, drawn, said(row, stale));
    return line;
  }

  list() {
    const orders = this.orders ?? [];
    const wanted = /** @type {HTMLInputElement | null} */ (this.querySelector("[name=race-filter]:checked"))?.value ?? "";
    for (const count of this.querySelectorAll("[data-count]")) {
      const outcome = count.getAttribute("data-count");
      const some = orders.filter((row) => !outcome || row.outcome === outcome).reduce((sum, row) => sum + row.stands_for, 0);
      count.textContent = orders.length ? String(some) : "";
    }
    const shown = orders.filter((row) => !wanted || row.outcome === wanted);
    this.part("tbody[data-orders]").replaceChildren(...shown.map((row) => this.line(row)));
    const empty = this.part("[data-empty]");
    empty.hidden = shown.length > 0;
    empty.textContent = orders.length ? "No order ended so." : "Nothing yet: run all orders.";
  }

  /** @param {Row} row */
  line(row) {
    const line = make("tr");
    const order = make("td", { class: "letters" });
    for (const letter of row.order) order.append(letter === "…" ? letter : make("span", { class: letter.toLowerCase() }, letter));
    const outcome = make("td");
    outcome.append(sense(OUTCOMES[/** @type {"stale"} */ (row.outcome)], row.outcome), ` ${row.lasts}`);
    if (row.stands_for > 1) outcome.append(`, ${row.stands_for} orders begin so`);
    if (row.old_answers) outcome.append("; a reader got an old price");
    const versions = row.committed === "" ? "" : `${row.cached === "" ? "none" : row.cached} of ${row.committed}`;
    const again = make("td");
    const link = /** @type {HTMLAnchorElement} */ (make("a"));
    const letters = row.order.replace("…", "");
    const url = new URL(location.pathname, location.href);
    for (const name of SETTINGS) url.searchParams.set(name, this.setting(name));
    url.searchParams.set("order", letters);
    link.href = url.pathname + url.search;
    link.dataset.replay = letters;
    link.textContent = "Replay";
    link.append(make("span", { class: "visually-hidden" }, ` order ${row.number}, ${letters}`));
    again.append(link);
    line.append(make("td", { class: "number" }, String(row.number)), order, outcome, make("td", { class: "number" }, versions), again);
    return line;
  }
}

customElements.define("cg-race", Race);
