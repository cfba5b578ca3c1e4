// @ts-check
// The bench itself: receives the feed, hands each event to the islands in it, keeps the address true, redraws when too much was missed.
import { ask, statusOf } from "./ask.js";
import { Connection } from "./connection.js";
import { Feed } from "./feed.js";
import { clock } from "./island.js";
import { restore } from "./outcome.js";
import { arrive } from "./opening.js";
import { toast } from "./toast.js";

const PARTS = ["chart", "checks", "code", "console", "controls", "end", "guide", "measuring", "pinned", "enlarge", "table", "terms", "tiles", "timeline", "topology"];

const DONE = ["note-added", "setting-changed", "step-started", "load-changed", "server-changed", "link-changed"];
const SCRIPTS_MS = 3000;
/** What the portal answers if the sandbox is no more. */
const GONE = 404;

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));

class Bench extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("bench-redraw", () => this.redraw(), { signal });
    this.addEventListener("bench-kept", () => this.ends("", 0), { signal });
    restore(this);
    if (this.dataset.phase === "open") for (const words of document.querySelectorAll(`[data-awaits="${CSS.escape(this.dataset.lab ?? "")}"]`)) words.remove();
    for (const time of this.querySelectorAll("time[datetime]")) {
      time.textContent = clock(Date.parse(/** @type {HTMLTimeElement} */ (time).dateTime) / 1000).slice(0, 5);
    }
    this.patience = JSON.parse(this.dataset.patience ?? "");
    this.connection = new Connection(this, () => {
      this.feed?.wake(true);
      this.hurry?.();
    });
    if (this.dataset.sandbox) this.listen(this.dataset.sandbox, signal);
    else if (this.dataset.ask) this.wait(Number(this.dataset.ask), signal);
    // A lesson has set the bench up for a tab, or for the one that the guide opens.
    const { tab } = this.dataset;
    if (tab !== undefined) this.keepAddress("gear", tab || null);
    else if (new URL(location.href).searchParams.has("gear")) this.keepAddress("gear", this.dataset.gear ?? "step");
    this.addEventListener("htmx:after:request", (event) => {
      const { response, request } = /** @type {any} */ (event).detail.ctx;
      if (statusOf(response?.raw) === GONE && request?.method !== "GET") this.redraw(this.dataset.sandbox);
    }, { signal });
    window.setTimeout(() => this.isConnected && arrive(this));
    this.tick = window.setInterval(() => this.countDown(), 1000);
  }

  disconnectedCallback() {
    this.gone?.abort();
    this.feed?.destroy();
    window.clearInterval(this.tick);
  }

  /**
   * Read the feed once the scripts of all islands have run; if one takes long, without it. It has missed what came until
   * then, so the bench is drawn again as it stands when the last of them is there.
   * @param {string} sandbox
   * @param {AbortSignal} signal
   */
  async listen(sandbox, signal) {
    const undefinedYet = [...this.querySelectorAll(":not(:defined)")].map((island) => customElements.whenDefined(island.localName));
    const all = Promise.all(undefinedYet).then(() => true);
    const areThere = await Promise.race([all, pause(SCRIPTS_MS)]);
    if (signal.aborted) return;
    if (!areThere) all.then(() => signal.aborted || this.redraw());
    this.feed = new Feed(sandbox, Number(this.dataset.seq), this.patience);
    this.feed.addEventListener("entry", (event) => this.receive(/** @type {CustomEvent} */ (event).detail));
    this.feed.addEventListener("status", (event) => {
      const { status, at } = /** @type {CustomEvent} */ (event).detail;
      this.connection?.show(status, at);
    });
    this.feed.addEventListener("stale", () => this.redraw());
    this.feed.addEventListener("end", () => this.redraw(sandbox));
  }

  /** @param {any} entry */
  receive(entry) {
    this.dataset.seq = String(entry.seq);
    for (const type of [entry.type, "*"]) this.dispatchEvent(new CustomEvent(`feed:${type}`, { detail: entry }));
    if (["step-started", "command-ran", "step-finished"].includes(entry.type)) this.dispatchEvent(new CustomEvent("bench-request"));
    if (entry.type === "setting-changed") {
      this.dispatchEvent(new CustomEvent("bench-code"));
      this.keepAddress(entry.name, String(entry.value));
      this.granted(entry.name, String(entry.value));
    }
    if (entry.type === "step-started" && !this.querySelector(`cg-code[data-strategy="${CSS.escape(entry.strategy)}"]`)) this.dispatchEvent(new CustomEvent("bench-code"));
    // The server draws where things stand; a drawing with another server is another drawing.
    if (entry.type === "topology-changed") this.redraw();
    if (entry.type === "ending") this.ends(entry.reason, entry.at + entry.in_s);
    else if (DONE.includes(entry.type)) this.ends("", 0);
    if (entry.type === "sandbox-closed") this.redraw(this.dataset.sandbox);
  }

  /** @param {string} [was] the sandbox that ended */
  async redraw(was) {
    if (this.drawing || !this.dataset.redraw) return;
    this.drawing = true;
    if (was) {
      this.feed?.destroy();
      this.feed = undefined;
    }
    await this.insist(() => this.bring(was ? { was } : {}), 0);
    this.drawing = false;
  }

  /**
   * Ask how the opening goes, or which place it has in the queue, until there is something else to show.
   * @param {number} every milliseconds @param {AbortSignal} signal
   */
  async wait(every, signal) {
    this.connection?.show("waiting");
    while (!signal.aborted) await this.insist(() => this.bring(this.dataset.place ? { place: this.dataset.place } : {}), every);
  }

  /**
   * Do it after a while, and again, each time later, until there is an answer; the page says so meanwhile.
   * @param {() => Promise<void>} work @param {number} wait
   */
  async insist(work, wait) {
    const heardAt = Date.now();
    for (let misses = 0; ; misses += 1) {
      const longer = misses ? Math.min(2 ** misses * this.patience.ask, this.patience.again) : 0;
      await Promise.race([pause(wait + longer), new Promise((resolve) => { this.hurry = () => resolve(undefined); })]);
      if (!this.isConnected) return;
      try {
        await work();
        if (misses) this.connection?.show(this.feed ? "connecting" : "waiting");
        return;
      } catch {
        this.connection?.show("lost", heardAt);
      }
    }
  }

  /**
   * The bench as it is now, in the place of this one; an answer without content means that nothing has changed.
   * @param {Record<string, string>} more
   */
  async bring(more) {
    const url = new URL(this.dataset.redraw ?? "", location.href);
    new URL(location.href).searchParams.forEach((value, name) => name !== "view" && url.searchParams.set(name, value));
    for (const [name, value] of Object.entries({ gear: this.dataset.gear ?? "step", ...more })) url.searchParams.set(name, value);
    const headers = { Accept: "text/html", "HX-Request": "true", "HX-Current-URL": location.href };
    const { status, ok, text } = await ask(url.pathname + url.search, { ms: this.patience.answer, headers });
    if (!ok) throw new Error(`The portal answered with an error (${status}).`);
    if (status !== 204 && this.isConnected) await /** @type {any} */ (window).htmx.swap({ text, target: this, swap: "outerHTML", sourceElement: this });
  }

  /** @param {string} name @param {string | null} value null: not in the address */
  keepAddress(name, value) {
    const url = new URL(location.href);
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
    history.replaceState(history.state, "", url);
  }

  /**
   * The notice of a link's settings goes when the last of them is set.
   * @param {string} name @param {string} value
   */
  granted(name, value) {
    for (const notice of this.querySelectorAll("[data-wanted], [data-set-up]")) {
      const wish = /** @type {HTMLInputElement | null} */ (notice.querySelector(`[data-wants="${CSS.escape(name)}"]`));
      if (wish?.value === value) wish.remove();
      if (!notice.querySelector("[data-wants]")) notice.remove();
    }
  }

  /** @param {Event} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const tab = /** @type {HTMLElement | null} */ (target.closest("[data-gear-tab]"));
    if (tab && !(/** @type {MouseEvent} */ (event).ctrlKey || /** @type {MouseEvent} */ (event).metaKey)) {
      event.preventDefault();
      this.shift(tab.dataset.gearTab ?? "step");
    }
    if (target.closest("[data-copy-link]")) this.copy();
    const pause = target.closest("[data-pause-charts]");
    if (pause) {
      const paused = this.toggleAttribute("data-charts-paused");
      pause.setAttribute("aria-pressed", String(paused));
      pause.textContent = paused ? "Let the charts run" : "Pause the charts";
      this.dispatchEvent(new CustomEvent("charts-paused", { detail: paused }));
    }
  }

  /** @param {string} gear @param {boolean} [keeps] it in the address: the learner chose it */
  shift(gear, keeps = true) {
    this.dataset.gear = gear;
    for (const tab of this.querySelectorAll("[data-gear-tab]")) {
      if (tab.getAttribute("data-gear-tab") === gear) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
    for (const panel of this.querySelectorAll("[data-gear-panel]")) /** @type {HTMLElement} */ (panel).hidden = !(panel.getAttribute("data-gear-panel") ?? "").split(" ").includes(gear);
    if (gear !== "step" && !this.matches(".beside")) this.querySelector("[data-readings]")?.toggleAttribute("open", true);
    if (keeps) this.keepAddress("gear", gear);
    this.dispatchEvent(new CustomEvent("bench-shifted"));
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      toast("The link is copied. It opens this lab with these settings.", { sense: "here" });
    } catch {
      toast(location.href);
    }
  }

  /** @param {string} why empty: it stays @param {number} at */
  ends(why, at) {
    const notice = /** @type {HTMLElement | null} */ (this.querySelector("[data-ending]"));
    const [place, time] = [notice?.querySelector("[data-why]"), /** @type {HTMLElement | null} */ (notice?.querySelector("[data-ends-at]"))];
    if (!notice || !place || !time || (notice.hidden && !why)) return;
    notice.hidden = !why;
    place.textContent = why;
    time.dataset.endsAt = String(at);
  }

  countDown() {
    this.connection?.tick();
    const time = /** @type {HTMLElement | null} */ (this.querySelector("[data-ending]:not([hidden]) [data-ends-at]"));
    const left = Math.max(0, Math.round(Number(time?.dataset.endsAt) - Date.now() / 1000));
    if (time) time.textContent = left > 0 ? `${left} s left.` : "";
  }
}

// Each part is a task of its own: together they would keep a slow phone from answering. The bench comes last, and finds them there.
Promise.allSettled(PARTS.map((part) => import(`./${part}.js`))).then(() => customElements.define("cg-bench", Bench));
