// @ts-check
// The events of a sandbox, by whichever way they get through: a stream that is timed, else questions. The one watchdog of
// the connection; runs in a page or in the worker that pages share.
//
// connecting  nothing is known yet, or a stream that lasted has just been cut
// live        the stream says something at least as often as its heartbeat
// silent      the stream said nothing for longer: how things are is unknown until an answer comes
// polling     there is no stream, and questions are answered
// lost        there is no stream, and questions get no answer
import { eventsAfter } from "./ask.js";

/** @typedef {{first: number, next: number, answer: number, ask: number, again: number}} Patience milliseconds, from portal/web/hub.py */

const LONGEST_PAUSE = 6;

export class Source {
  /**
   * @param {string} base address of the sandbox
   * @param {number} after last sequence number known
   * @param {Patience} patience
   * @param {(message: {kind: string, [field: string]: any}) => void} emit
   */
  constructor(base, after, patience, emit) {
    this.base = base;
    this.last = after;
    this.patience = patience;
    this.emit = emit;
    this.over = false;
    this.status = "connecting";
    /** When something was last heard, by the clock. */
    this.heardAt = Date.now();
    /** Streams in a row that did not last. */
    this.cuts = 0;
    /** Questions in a row without an answer. */
    this.misses = 0;
    this.allowed = false;
    this.flowing = false;
    this.polite = false;
    this.watch = setInterval(() => this.look(), Math.min(1000, patience.first / 4));
    this.asking = setTimeout(() => this.ask(), patience.ask);
  }

  close() {
    this.over = true;
    this.drop();
    this.question?.abort();
    clearInterval(this.watch);
    clearTimeout(this.asking);
  }

  /** @param {boolean} may whether there may be a stream */
  allow(may) {
    if (this.allowed === may || this.over) return;
    this.allowed = may;
    if (may) this.open();
    else {
      this.drop();
      this.ask();
    }
  }

  /**
   * The machine, the page or its network woke: nothing that was so before is taken for granted.
   * @param {boolean} elsewhere the network may be another one, so the stream is a new one
   */
  wake(elsewhere) {
    if (this.over) return;
    this.look();
    if (this.flowing && !elsewhere) return;
    this.cuts = this.misses = 0;
    this.question?.abort();
    this.question = undefined;
    this.ask();
    if (this.allowed) this.open();
  }

  open() {
    this.drop();
    if (this.over || !this.allowed) return;
    const events = new EventSource(`${this.base}/events?after=${this.last}${this.polite ? "&politely" : ""}`);
    this.events = events;
    this.openedAt = this.streamAt = Date.now();
    for (const name of ["hello", "beat", "message", "resync", "bye"]) {
      events.addEventListener(name, (event) => {
        if (this.events !== events) return;
        this.hear();
        if (name === "message") this.pass(JSON.parse(event.data));
        else if (name === "resync") this.emit({ kind: "resync" });
        else if (name === "bye") this.bye(JSON.parse(event.data).reason);
      });
    }
    events.addEventListener("error", () => this.events === events && this.cut());
  }

  /** No stream from here on, and none is waited for. */
  drop() {
    this.events?.close();
    this.events = undefined;
    this.flowing = false;
    clearTimeout(this.reopening);
  }

  hear() {
    this.heardAt = this.streamAt = Date.now();
    this.flowing = true;
    this.misses = 0;
    clearTimeout(this.asking);
    this.change("live");
  }

  /** The watchdog. It goes by the clock, since timers stand still while a machine sleeps. */
  look() {
    if (!this.events) return;
    const [quiet, age] = [Date.now() - (this.streamAt ?? 0), Date.now() - (this.openedAt ?? 0)];
    if (quiet < 0) this.streamAt = Date.now();
    if (this.flowing && age > this.patience.next) {
      this.cuts = 0;
      this.polite = false;
    }
    if (quiet <= (this.flowing ? this.patience.next : this.patience.first)) return;
    if (this.flowing) {
      this.cuts = 1;
      this.change("silent");
      this.open();
      this.ask();
    } else this.fail();
  }

  /** @param {any} entry */
  pass(entry) {
    if (entry.seq <= this.last) return;
    this.last = entry.seq;
    this.emit({ kind: "entry", entry });
  }

  /** @param {string} status */
  change(status) {
    if (status === this.status || this.over) return;
    this.status = status;
    this.emit(this.said());
  }

  said() {
    return { kind: "status", status: this.status, at: this.heardAt };
  }

  /** @param {string} reason */
  bye(reason) {
    if (reason === "closed" || reason === "gone") this.end(reason);
    else if (reason === "elsewhere") {
      this.polite = true;
      this.fail();
    } else this.cut();
  }

  /** @param {string} reason */
  end(reason) {
    if (this.over) return;
    this.close();
    this.emit({ kind: "end", reason });
  }

  /** The first time a stream is cut it is opened again soon; a page that was live says no more than that. */
  cut() {
    if (this.cuts) return this.fail();
    this.cuts = 1;
    this.drop();
    if (this.status === "live") this.change("connecting");
    this.reopening = setTimeout(() => this.open(), this.patience.ask * (0.3 + Math.random()));
  }

  /** There is no stream to be had just now: ask, and try it again later. */
  fail() {
    this.drop();
    this.cuts += 1;
    this.ask();
    const pause = Math.min(2 ** Math.max(this.cuts - 2, 0), LONGEST_PAUSE);
    this.reopening = setTimeout(() => this.open(), this.patience.again * pause * (0.75 + Math.random() / 2));
  }

  async ask() {
    clearTimeout(this.asking);
    if (this.over || this.flowing || this.question) return;
    const question = new AbortController();
    this.question = question;
    try {
      const entries = await eventsAfter(this.base, this.last, this.patience.answer, question.signal);
      if (this.question !== question || this.over) return;
      if (!entries) return this.end("gone");
      for (const entry of entries) this.pass(entry);
      this.answered();
    } catch {
      if (this.question !== question || this.over) return;
      this.misses += 1;
      if (!this.flowing) this.change("lost");
    } finally {
      if (this.question === question) {
        this.question = undefined;
        clearTimeout(this.asking);
        const pause = this.misses ? Math.min(2 ** this.misses * this.patience.ask, this.patience.again) * (0.75 + Math.random() / 2) : this.patience.ask;
        if (!this.flowing && !this.over) this.asking = setTimeout(() => this.ask(), pause);
      }
    }
  }

  answered() {
    const back = this.status === "lost" || this.status === "silent";
    this.misses = 0;
    if (this.flowing) return;
    this.heardAt = Date.now();
    this.change("polling");
    if (back && this.allowed && !this.events) this.open();
  }
}
