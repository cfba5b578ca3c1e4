// @ts-check
// The recorder on a bench: live while the writer runs, then the flight that was kept; which flight is looked at, and which is next to it.
import { Island, calmly } from "../../island.js";
import { Live } from "./live.js";
import "../recorder.js";

const REDRAW_MS = 250;

class BenchRecorder extends Island {
  start() {
    this.live = new Live();
    this.recorder = /** @type {import("../recorder.js").Recorder | null} */ (this.querySelector("cg-recorder"));
    // A bench that is drawn again is upgraded from the outside in: this one first.
    if (this.recorder) customElements.upgrade(this.recorder);
    for (const [endpoint, targets] of Object.entries(JSON.parse(this.dataset.endpoints ?? "{}"))) this.live.led(endpoint, targets, 0);
    const draw = calmly(() => this.drawLive(), REDRAW_MS);
    this.on("operations-recorded", (entry) => {
      this.live?.flown(entry);
      draw();
    });
    this.on("sentinel-said", (entry) => this.live?.said(entry.sentinel, entry.event, entry.words ?? "", entry.at));
    this.on("endpoint-moved", (entry) => this.live?.led(entry.endpoint, entry.targets, entry.at));
    this.on("server-changed", (entry) => ["down", "paused"].includes(entry.state) && this.look(""));
    this.on("link-changed", (entry) => entry.state === "cut" && this.look(""));
    this.on("record-saved", (entry) => {
      this.dispatchEvent(new CustomEvent("bench-record"));
      this.look(entry.record);
    });
    this.addEventListener("change", (event) => this.chosen(/** @type {HTMLInputElement} */ (event.target)), { signal: this.gone?.signal });
    this.lists = new MutationObserver(() => this.tick());
    const list = this.querySelector("[data-flights-list]");
    if (list) this.lists.observe(list, { childList: true });
    const newest = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name=look]:checked"));
    this.looked = "";
    this.beside = "";
    if (newest?.value) this.look(newest.value);
    else this.recorder?.show([this.live.flight()]);
  }

  stop() {
    this.lists?.disconnect();
  }

  /** @param {string} record to look at; empty: live */
  look(record) {
    const was = this.looked;
    this.looked = record;
    if (this.beside === record || !record) this.beside = "";
    this.tick();
    if (record) this.load();
    else if (was) this.drawLive();
  }

  /** @param {HTMLInputElement} input */
  chosen(input) {
    if (input.name === "look") this.look(input.value);
    if (input.name !== "beside") return;
    this.beside = input.checked ? input.value : "";
    if (!this.looked && this.beside) [this.looked, this.beside] = [this.beside, ""];
    if (this.beside === this.looked) this.beside = "";
    this.tick();
    this.load();
  }

  /** The list says what is shown; it is drawn again whenever a flight was kept. */
  tick() {
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (this.querySelectorAll("input[name=look], input[name=beside]"))) {
      input.checked = input.value === (input.name === "look" ? this.looked : this.beside || null);
      if (input.name === "beside") input.disabled = !this.looked || input.value === this.looked;
    }
  }

  load() {
    const urls = [this.looked, this.beside].filter(Boolean).map((name) => `/sandboxes/${encodeURIComponent(this.dataset.sandbox ?? "")}/records/${encodeURIComponent(name ?? "")}.json`);
    if (urls.length) this.recorder?.load(urls);
  }

  drawLive() {
    if (this.looked || !this.live || document.hidden) return;
    this.recorder?.show([this.live.flight()]);
  }
}

customElements.define("cg-bench-recorder", BenchRecorder);
