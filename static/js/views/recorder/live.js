// @ts-check
// The last seconds of a sandbox's writer and readers, kept as they come, in the form of a flight without a fault.

/** @typedef {import("./words.js").Flight} Flight @typedef {import("./words.js").Operation} Operation */

export const SHOWN_MS = 10_000;
const MOST = 24_000;

export class Live {
  /** @type {[number, number, string, number][]} at Unix ms */
  writes = [];

  /** @type {[number, number, string, number][]} */
  reads = [];

  /** @type {[number, string, string, string][]} */
  sentinels = [];

  /** @type {[number, string, string[]][]} */
  moves = [];

  newest = 0;

  /** @param {{began_at: number, operations: string[]}} entry */
  flown({ began_at: began, operations }) {
    for (const operation of operations) {
      const [kind, at, took, code, number] = operation.split(" ");
      const when = began * 1000 + Number(at);
      if (!Number.isFinite(when) || !Number.isFinite(Number(took))) continue;
      (kind === "w" ? this.writes : this.reads).push([when, Number(took), code, Number(number)]);
      this.newest = Math.max(this.newest, when);
    }
    this.forget();
  }

  forget() {
    const since = this.newest - SHOWN_MS - 2_000;
    for (const operations of [this.writes, this.reads]) {
      const index = operations.findIndex(([at]) => at >= since);
      operations.splice(0, Math.max(index, operations.length - MOST, 0));
    }
    this.sentinels = this.sentinels.filter(([at]) => at >= since);
    const before = new Map(this.moves.filter(([at]) => at < since).map((move) => [move[1], move]));
    this.moves = [...before.values(), ...this.moves.filter(([at]) => at >= since)];
  }

  /** @param {string} endpoint @param {string[]} targets @param {number} at Unix seconds */
  led(endpoint, targets, at) {
    this.moves.push([at * 1000, endpoint, targets]);
  }

  /** @param {string} sentinel @param {string} event @param {string} words @param {number} at Unix seconds */
  said(sentinel, event, words, at) {
    this.sentinels.push([at * 1000, sentinel, event, words]);
  }

  /** @returns {Flight} whose ms are counted back from the newest operation */
  flight() {
    const shift = (/** @type {any[][]} */ rows) => rows.map(([at, ...rest]) => /** @type {any} */ ([at - this.newest, ...rest]));
    return {
      kind: "flight", version: 1, name: "live", title: "Live", lab: "", at: this.newest / 1000, versions: {}, isolation: "", settings: [], fault: { verb: "", server: "", zone: "", words: "" }, marks: [],
      from_ms: -SHOWN_MS, to_ms: 0, writes: shift(this.writes).sort((a, b) => a[0] - b[0]), reads: shift(this.reads).sort((a, b) => a[0] - b[0]), sentinels: shift(this.sentinels), moves: shift(this.moves), roles: [],
      results: { downtime_ms: null, gap_from_ms: null, gap_to_ms: null, written: 0, acknowledged: 0, lost: 0, refused: 0, promoted: "" }, live: true,
    };
  }
}
