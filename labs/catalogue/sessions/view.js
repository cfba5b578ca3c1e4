// @ts-check
// Two browsers before the shop: what each shows, and what the store says of its session. All of it comes as data and is written as text.
import { of, sense, write } from "../../js/dom.js";
import { Island, known } from "../../js/island.js";

const SENSES = { "logged in": "hit", "logged out": "miss", down: "error", "cannot ask": "error" };

/** @typedef {Record<string, any>} Row */

class Sessions extends Island {
  start() {
    /** What the page says where there is nothing to say. */
    this.nothing = new Map([...this.querySelectorAll("[data-show]")].map((place) => [place, place.textContent ?? ""]));
    this.on("table-changed", (entry) => this.table(entry.table, entry.rows));
    for (const [table, rows] of Object.entries(JSON.parse(this.dataset.tables ?? "{}"))) this.table(table, rows);
    // What a window shows needs no toast; what ten reloads came to does.
    this.addEventListener("toast", (event) => {
      if (!/** @type {Element} */ (event.target).closest('[action$="/reload"]')) event.stopPropagation();
    }, { signal: this.gone?.signal });
    this.on("server-changed", (entry) => {
      for (const part of this.querySelectorAll(`[data-server="${CSS.escape(entry.server)}"] [data-when]`)) {
        const had = part === document.activeElement;
        /** @type {HTMLElement} */ (part).hidden = !(part.getAttribute("data-when") ?? "").split(" ").includes(entry.state);
        if (had && /** @type {HTMLElement} */ (part).hidden) this.refocus = part.parentElement;
      }
      const next = /** @type {HTMLElement | null} */ (this.refocus?.querySelector("button:not([hidden])"));
      if (next) {
        next.focus();
        this.refocus = null;
      }
    });
  }

  /** @param {string} table @param {Row[]} rows one for each browser; those of pages are none after a fresh start */
  table(table, rows) {
    if (table === "browsers") for (const window of this.querySelectorAll("[data-browser]")) this.page(window, rows.find((page) => page.browser === of(window, "browser")) ?? {});
    if (table === "sessions") for (const row of rows) this.session(row);
  }

  /** @param {Element} part @param {Record<string, string | undefined>} shown */
  show(part, shown) {
    for (const [name, text] of Object.entries(shown)) {
      const place = part.querySelector(`[data-show="${name}"]`);
      write(place, text || (this.nothing?.get(/** @type {Element} */ (place)) ?? ""));
    }
  }

  /** @param {Element} window @param {Row} page */
  page(window, page) {
    window.setAttribute("data-by", page.instance ?? "");
    const address = window.querySelector("[data-site]");
    if (address) write(address, of(address, "site") + (page.request ?? "GET /").split(" ")[1]);
    const took = page.held ? "in slow motion" : `${page.took_ms?.toFixed(1)} ms`;
    this.show(window, {
      instance: page.instance, message: page.message, known: page.user && `Logged in as ${page.user}, by ${page.login_by}`, cart: page.cart, line: page.number && `${page.number}: ${page.status}, ${took}`,
      cookie_sent: page.cookie_sent, set_cookie: page.set_cookie, headers: page.headers, body: page.body,
    });
    const user = window.querySelector("[data-sense]");
    if (user) dress(user, page.user ? "hit" : "none");
  }

  /** @param {Row} row */
  session(row) {
    const line = this.querySelector(`[data-session="${CSS.escape(row.browser)}"]`);
    if (!line) return;
    this.show(line, { key: row.key, value: row.value, ttl: typeof row.ttl_s === "number" ? `${row.ttl_s.toFixed(0)} s` : row.ttl_s });
    for (const instance of ["a", "b"]) {
      const place = line.querySelector(`[data-show="${instance}"]`);
      const words = String(row[instance] ?? "");
      if (!place || place.textContent === words) continue;
      place.replaceChildren(...(words ? [sense(SENSES[/** @type {"down"} */ (words)] ?? "none", words)] : []));
    }
  }
}

/** @param {Element} sense @param {string} name */
function dress(sense, name) {
  sense.className = `sense ${known(name)}`;
  const mark = sense.querySelector("i");
  if (mark) mark.className = `mark ${known(name)}`;
}

customElements.define("cg-sessions", Sessions);
