// @ts-check
// The feed of one sandbox as a page receives it: every event once, in order, without a gap. Dispatches "entry", "status",
// "stale" (too much was missed: draw again) and "end".
import { Source } from "./source.js";

export class Feed extends EventTarget {
  /** @param {string} sandbox @param {number} seq the last event that the page was drawn with */
  constructor(sandbox, seq) {
    super();
    this.base = `/sandboxes/${encodeURIComponent(sandbox)}`;
    this.seq = seq;
    /** @type {any[]} */
    this.held = [];
    this.catching = false;
    this.hide = () => this.close();
    this.show = (/** @type {PageTransitionEvent} */ event) => event.persisted && this.open();
    window.addEventListener("pagehide", this.hide);
    window.addEventListener("pageshow", this.show);
    this.sandbox = sandbox;
    this.open();
  }

  open() {
    const take = (/** @type {any} */ message) => this.take(message);
    try {
      const worker = new SharedWorker(new URL("./feed-worker.js", import.meta.url), { type: "module", name: `feed ${this.sandbox}` });
      worker.addEventListener("error", () => {
        this.port = undefined;
        this.source ??= new Source(this.base, this.seq, take);
      });
      this.port = worker.port;
      this.port.onmessage = (event) => take(event.data);
      this.port.postMessage({ base: this.base, after: this.seq });
    } catch {
      this.source = new Source(this.base, this.seq, take);
    }
  }

  close() {
    this.port?.postMessage({ leave: true });
    this.port?.close();
    this.source?.close();
    this.port = this.source = undefined;
  }

  destroy() {
    this.close();
    window.removeEventListener("pagehide", this.hide);
    window.removeEventListener("pageshow", this.show);
  }

  /** @param {any} message */
  take(message) {
    if (message.kind === "entry") this.receive(message.entry);
    else if (message.kind === "resync") this.catchUp();
    else if (message.kind === "joined") {
      this.send("status", message.status);
      if (message.seq > this.seq) this.catchUp();
    } else if (message.kind === "status") this.send("status", message.status);
    else if (message.kind === "end") this.send("end", message.reason);
  }

  /** @param {any} entry */
  receive(entry) {
    if (entry.seq <= this.seq) return;
    if (this.catching || entry.seq > this.seq + 1) {
      this.held.push(entry);
      this.catchUp();
      return;
    }
    this.seq = entry.seq;
    this.send("entry", entry);
  }

  async catchUp() {
    if (this.catching) return;
    this.catching = true;
    try {
      const response = await fetch(`${this.base}/feed?after=${this.seq}`, { headers: { Accept: "application/json" } });
      if (response.status === 404) return this.send("end", "gone");
      if (!response.ok) return;
      const missed = [...(await response.json()), ...this.held];
      this.held = [];
      for (const entry of missed) {
        if (entry.seq > this.seq + 1) return this.send("stale", entry.seq);
        if (entry.seq <= this.seq) continue;
        this.seq = entry.seq;
        this.send("entry", entry);
      }
    } catch {
      // The stream's own recovery goes on; the next event tries again.
    } finally {
      this.catching = false;
    }
  }

  /** @param {string} type @param {any} detail */
  send(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
