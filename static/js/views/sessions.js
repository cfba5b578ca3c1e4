// @ts-check
// Two browsers before the shop: what each shows, and what the store says of its session. All of it comes as data and is written as text.
import { sense, write } from "../dom.js";
import { Island, known } from "../island.js";

const SENSES = { "signed in": "hit", "signed out": "miss", down: "error", "cannot ask": "error" };

class Sessions extends Island {
  start() {
    this.on("table-changed", (entry) => {
      if (entry.table === "browsers") this.browsers(entry.rows);
      if (entry.table === "sessions") for (const row of entry.rows) this.session(row);
    });
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

  /** @param {Record<string, any>[]} pages one for each browser that has one open; none after a fresh start */
  browsers(pages) {
    for (const window of this.querySelectorAll("[data-browser]")) this.page(window, pages.find((page) => page.browser === window.getAttribute("data-browser")) ?? {});
  }

  /** @param {Element} window @param {Record<string, any>} page */
  page(window, page) {
    window.setAttribute("data-by", page.instance ?? "");
    write(window.querySelector(".address"), `http://shop.test${(page.request ?? "GET /").split(" ")[1]}`);
    const shown = {
      instance: page.instance || "–", says: page.says || "No page is open yet.", known: page.user ? `Signed in as ${page.user}, by ${page.login_by}` : "Nobody is signed in", cart: page.cart || "empty",
      line: page.number ? `${page.number}: ${page.status}, ${page.held ? "in slow motion" : `${page.took_ms.toFixed(1)} ms`}` : "", cookie_sent: page.cookie_sent || "none", set_cookie: page.set_cookie || "none",
      headers: page.headers || "none", body: page.body || "none",
    };
    for (const [name, text] of Object.entries(shown)) write(window.querySelector(`[data-show="${name}"]`), text);
    const user = window.querySelector("[data-sense]");
    if (user) dress(user, page.user ? "hit" : "none");
  }

  /** @param {Record<string, any>} row */
  session(row) {
    const line = this.querySelector(`[data-session="${CSS.escape(row.browser)}"]`);
    if (!line) return;
    const left = row.ttl_s === "" ? "" : typeof row.ttl_s === "number" ? `${row.ttl_s.toFixed(0)} s` : row.ttl_s;
    for (const [name, text] of Object.entries({ key: row.key || "no cookie", value: row.value, ttl: left })) write(line.querySelector(`[data-show="${name}"]`), text);
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
