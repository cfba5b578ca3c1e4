// @ts-check
// The feed of one sandbox as a page receives it: every event once, in order, without a gap. Dispatches "entry", "status",
// "stale" (too much was missed: draw again) and "end".
import { eventsAfter } from "./ask.js";
import { Place } from "./place.js";
import { Source } from "./source.js";

const UNANSWERED = 3;

export class Feed extends EventTarget {
  /** @param {string} sandbox @param {number} seq the last event that the page was drawn with @param {import("./source.js").Patience} patience */
  constructor(sandbox, seq, patience) {
    super();
    this.base = `/sandboxes/${encodeURIComponent(sandbox)}`;
    this.seq = seq;
    this.patience = patience;
    /** @type {any[]} */
    this.held = [];
    this.catching = false;
    this.sandbox = sandbox;
    this.gone = new AbortController();
    const { signal } = this.gone;
    window.addEventListener("pagehide", () => this.close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.open(), { signal });
    window.addEventListener("online", () => this.wake(true), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.wake(false), { signal });
    this.open();
  }

  open() {
    this.close();
    try {
      const worker = new SharedWorker(new URL("./feed-worker.js", import.meta.url), { type: "module", name: `feed ${this.sandbox}` });
      worker.addEventListener("error", () => this.alone());
      this.port = worker.port;
      this.port.onmessage = (event) => {
        this.unanswered = 0;
        this.take(event.data);
      };
      this.port.postMessage({ join: this.base, after: this.seq, patience: this.patience });
      this.unanswered = 0;
      this.watch = window.setInterval(() => this.look(), this.patience.first / 2);
    } catch {
      this.alone();
    }
  }

  /** Without the worker: there is none, or it does not answer. */
  alone() {
    this.close();
    const source = new Source(this.base, this.seq, this.patience, (message) => this.take(message));
    this.source = source;
    this.place = new Place((has) => source.allow(has));
  }

  look() {
    this.unanswered = (this.unanswered ?? 0) + 1;
    if (this.unanswered > UNANSWERED) this.alone();
    else this.port?.postMessage({});
  }

  /** @param {boolean} elsewhere */
  wake(elsewhere) {
    this.port?.postMessage({ wake: true, elsewhere });
    this.source?.wake(elsewhere);
    if (this.held.length) this.catchUp();
  }

  close() {
    window.clearInterval(this.watch);
    window.clearTimeout(this.retry);
    this.port?.postMessage({ leave: true });
    this.port?.close();
    this.source?.close();
    this.place?.destroy();
    this.port = this.source = this.place = undefined;
  }

  destroy() {
    this.gone.abort();
    this.close();
  }

  /** @param {any} message */
  take(message) {
    if (message.kind === "entry") this.receive(message.entry);
    else if (message.kind === "resync") this.catchUp();
    else if (message.kind === "joined") {
      this.send("status", message);
      if (message.seq > this.seq) this.catchUp();
    } else if (message.kind === "status") this.send("status", message);
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

  /** Asks for what was missed, again and again until there is an answer. */
  async catchUp() {
    if (this.catching) return;
    this.catching = true;
    window.clearTimeout(this.retry);
    try {
      const found = await eventsAfter(this.base, this.seq, this.patience.answer, this.gone.signal);
      if (!found) return this.send("end", "gone");
      const missed = [...found, ...this.held];
      this.held = [];
      for (const entry of missed) {
        if (entry.seq > this.seq + 1) return this.send("stale", entry.seq);
        if (entry.seq <= this.seq) continue;
        this.seq = entry.seq;
        this.send("entry", entry);
      }
    } catch {
      if (!this.gone.signal.aborted) this.retry = window.setTimeout(() => this.catchUp(), this.patience.again);
    } finally {
      this.catching = false;
    }
  }

  /** @param {string} type @param {any} detail */
  send(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
