// @ts-check
// What every island on a bench shares: it finds its bench, receives the feed through it and lets go when it is taken away.

export const SENSES = ["hit", "miss", "read", "write", "stale", "error", "here", "none"];

/** @typedef {{seq: number, at: number, type: string, sentence?: string, sense: string, [field: string]: any}} Entry */

export class Island extends HTMLElement {
  connectedCallback() {
    this.gone = new AbortController();
    this.bench = /** @type {HTMLElement | null} */ (this.closest("cg-bench"));
    this.start();
  }

  disconnectedCallback() {
    this.gone?.abort();
    this.stop();
  }

  start() {}

  stop() {}

  /**
   * @param {string} type of event, as the sandbox names it; "*" for all
   * @param {(entry: any) => void} handler
   */
  on(type, handler) {
    this.bench?.addEventListener(`feed:${type}`, (event) => handler(/** @type {CustomEvent} */ (event).detail), { signal: this.gone?.signal });
  }
}

/** @param {string} sense @returns {string} a sense that the style sheets know */
export const known = (sense) => (SENSES.includes(sense) ? sense : "none");

/** @param {number} at Unix seconds @param {number} [digits] */
export function clock(at, digits = 0) {
  const when = new Date(at * 1000);
  const text = when.toTimeString().slice(0, 8); // what Intl makes of it is the same, and takes long
  return digits ? `${text}.${Math.floor(when.getMilliseconds() / 100)}` : text;
}

/** @param {number | undefined | null} value @param {number} decimals @returns {string} with a comma between thousands, as Intl does it, which takes long to start */
export function figure(value, decimals) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const [whole, ...fraction] = value.toFixed(decimals).split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...fraction].join(".");
}

/**
 * Runs `work` at most twice a second, and always once more after the last call.
 * @param {() => void} work
 */
export function calmly(work, everyMs = 500) {
  let timer = 0;
  let last = 0;
  return () => {
    if (timer) return;
    const wait = Math.max(0, last + everyMs - performance.now());
    timer = window.setTimeout(() => {
      timer = 0;
      last = performance.now();
      work();
    }, wait);
  };
}
