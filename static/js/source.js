// @ts-check
// One stream of a sandbox's events, with everything that can go wrong with it: it reopens where it stopped, and after
// three failures in a row asks every second instead. Runs in a page or in the worker that pages share.

const FAILURES = 3;
const POLL_MS = 1000;
const TRY_AGAIN_MS = 10000;

export class Source {
  /**
   * @param {string} base address of the sandbox
   * @param {number} after last sequence number known
   * @param {(message: {kind: string, [field: string]: any}) => void} emit
   */
  constructor(base, after, emit) {
    this.base = base;
    this.last = after;
    this.emit = emit;
    this.failures = 0;
    this.over = false;
    this.status = "connecting";
    this.open();
  }

  open() {
    if (this.over) return;
    this.events?.close();
    const events = new EventSource(`${this.base}/events?after=${this.last}`);
    this.events = events;
    events.addEventListener("hello", () => {
      this.failures = 0;
      clearTimeout(this.timer);
      this.change("live");
    });
    events.addEventListener("message", (event) => this.pass(JSON.parse(event.data)));
    events.addEventListener("resync", () => this.emit({ kind: "resync" }));
    events.addEventListener("bye", (event) => this.bye(JSON.parse(event.data).reason));
    events.addEventListener("error", () => {
      if (this.events !== events || this.over) return;
      events.close();
      this.failed();
    });
  }

  close() {
    this.over = true;
    this.events?.close();
    clearTimeout(this.timer);
  }

  /** @param {any} entry */
  pass(entry) {
    if (entry.seq <= this.last) return;
    this.last = entry.seq;
    this.emit({ kind: "entry", entry });
  }

  /** @param {string} status */
  change(status) {
    if (status === this.status) return;
    this.status = status;
    this.emit({ kind: "status", status });
  }

  /** @param {string} reason */
  bye(reason) {
    this.events?.close();
    if (reason === "closed" || reason === "gone") this.end(reason);
    else if (reason === "elsewhere") this.poll();
    else this.later(300 + Math.random() * 1200);
  }

  /** @param {string} reason */
  end(reason) {
    if (this.over) return;
    this.close();
    this.emit({ kind: "end", reason });
  }

  failed() {
    this.failures += 1;
    this.change("lost");
    if (this.failures >= FAILURES) this.poll();
    else this.later(2 ** this.failures * 250 * (0.5 + Math.random()));
  }

  /** @param {number} ms */
  later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), ms);
  }

  poll() {
    clearTimeout(this.timer);
    const until = Date.now() + TRY_AGAIN_MS;
    const look = async () => {
      if (this.over) return;
      if (Date.now() > until) return this.open();
      try {
        const response = await fetch(`${this.base}/feed?after=${this.last}`, { headers: { Accept: "application/json" } });
        if (response.status === 404) return this.end("gone");
        if (!response.ok) throw new Error(String(response.status));
        for (const entry of await response.json()) this.pass(entry);
        this.change("polling");
      } catch {
        this.change("lost");
      }
      this.timer = setTimeout(look, POLL_MS);
    };
    look();
  }
}
