// @ts-check
// A place for a stream, where the tabs of a browser can't share one: a browser opens six connections to a host, and streams
// in all of them would let nothing else through. A tab without a place asks; a tab that closes or hides passes its place on.

const PLACES = ["cacheground stream 1", "cacheground stream 2"];

export class Place {
  /** @param {(has: boolean) => void} change called when there is a place, and when it was left; without Web Locks (plain http) there never is one */
  constructor(change) {
    this.change = change;
    this.see = () => (document.hidden ? this.leave() : this.queue());
    document.addEventListener("visibilitychange", this.see);
    this.see();
  }

  destroy() {
    document.removeEventListener("visibilitychange", this.see);
    this.leave();
  }

  queue() {
    if (this.waiting || !navigator.locks) return;
    const waiting = new AbortController();
    this.waiting = waiting;
    for (const name of PLACES) {
      navigator.locks.request(name, { signal: waiting.signal }, () => {
        if (this.waiting !== waiting || this.release) return undefined;
        /** @type {Promise<void>} */
        const held = new Promise((resolve) => { this.release = resolve; });
        waiting.abort();
        this.change(true);
        return held;
      }).catch(() => undefined);
    }
  }

  leave() {
    this.waiting?.abort();
    this.release?.();
    const had = Boolean(this.release);
    this.waiting = this.release = undefined;
    if (had) this.change(false);
  }
}
