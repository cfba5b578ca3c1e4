// @ts-check
// A replication group in the drawing: crowns, wires, endpoints, zones and sentinels. Where things stand is the server's; what they wear follows from the state.
import { of, write } from "./dom.js";
import { drop, send } from "./dots.js";
import { moveCrown, swing } from "./group-motion.js";
import { GroupStatus } from "./group-status.js";

const DOT_PX_PER_MS = 0.2;
const SHORTEST_MS = 200;
const SECOND_MS = 1000;

export class Group {
  /** @param {import("./island.js").Island} host @param {import("./sandbox-state.js").State} state */
  constructor(host, state) {
    this.host = host;
    this.status = new GroupStatus(/** @type {Element} */ (host.querySelector("svg.group")), state);
    this.primary = this.status.primary();
    /** @type {Map<Element, number>} what each link has yet to get of the dots so far */
    this.due = new Map();
    this.second = 0;
  }

  /** @param {string} selector */
  all(selector) {
    return [...this.host.querySelectorAll(selector)];
  }

  /** What follows from roles, endpoints, states and conditions. */
  dress() {
    const { status } = this;
    for (const node of this.all("[data-member]")) {
      const server = of(node, "node");
      node.setAttribute("data-crown", status.crown(server));
      node.toggleAttribute("data-empty", status.empty(server));
      write(node.querySelector(".role"), status.words(server));
      const figures = status.figures(server);
      node.querySelectorAll(".figures").forEach((line, index) => write(line, figures[index] ?? ""));
    }
    for (const line of this.all("[data-about]")) write(line, status.appWords());
    for (const plate of this.all("[data-endpoint]")) write(plate.querySelector(".leads"), status.leads(of(plate, "endpoint")));
    for (const zone of this.all("[data-zone]")) {
      zone.setAttribute("data-state", status.condition(of(zone, "zone")));
      write(zone.querySelector(".zone-words"), status.zoneWords(of(zone, "zone")));
    }
    for (const sentinel of this.all(".sentinel")) {
      const name = of(sentinel, "node");
      sentinel.toggleAttribute("data-leader", status.state.leader === name);
      sentinel.toggleAttribute("data-tilt", name in status.state.tilts);
      write(sentinel.querySelector(".sentinel-words"), status.sentinelWords(name));
    }
    this.tilt();
    for (const wire of this.all("[data-way]")) {
      wire.setAttribute("data-state", status.wireState(wire));
      wire.setAttribute("data-cut", status.cutAt(wire));
      write(wire.querySelector(".trouble"), status.condition(of(wire, "link")) === "slow" ? status.delay(of(wire, "link")) : "");
    }
    for (const path of this.all(".crown-path")) {
      const [one, other] = of(path, "between").split(" ");
      path.setAttribute("data-shown", status.moved(one, other) ? "yes" : "no");
    }
    this.list();
    this.stream();
    this.crowned();
  }

  /** Which sentinels are in TILT mode; the seconds that are left run in the drawing. */
  tilt() {
    const { status } = this;
    const [place, words] = [/** @type {HTMLElement | null} */ (this.host.querySelector("[data-tilt-line]")), status.tiltWords()];
    if (place) place.hidden = !words;
    write(place, words);
    window.clearTimeout(this.second);
    if (words) this.second = window.setTimeout(() => this.host.isConnected && this.countDown(), SECOND_MS);
  }

  countDown() {
    for (const sentinel of this.all(".sentinel[data-tilt]")) write(sentinel.querySelector(".sentinel-words"), this.status.sentinelWords(of(sentinel, "node")));
    this.second = window.setTimeout(() => this.host.isConnected && this.countDown(), SECOND_MS);
  }

  /** The same in the list for those who do not see the drawing. */
  list() {
    const { status } = this;
    for (const item of this.all("[data-tells-endpoint]")) write(item, `${of(item, "label")}: to ${status.targets(of(item, "tells-endpoint")).join(", ") || "no server"}`);
    for (const item of this.all("[data-tells-zone]")) write(item, `${of(item, "tells-zone")}: ${status.zoneWords(of(item, "tells-zone")) || "whole"}`);
  }

  /** What flows on which wire, and which wires are seen. */
  stream() {
    for (const wire of this.all("[data-way]")) {
      const flow = this.status.flow(wire);
      if (!flow && of(wire, "flow")) drop(wire);
      wire.setAttribute("data-seen", this.status.seen(of(wire, "way"), of(wire, "source"), of(wire, "target")));
      wire.setAttribute("data-flow", flow);
    }
  }

  crowned() {
    const now = this.status.primary();
    if (now && this.primary && now !== this.primary) for (const svg of this.all("svg.group")) moveCrown(svg, this.primary, now);
    this.primary = now || this.primary;
  }

  /**
   * An endpoint led there before and leads here now.
   * @param {string} endpoint @param {string[]} before @param {string[]} now
   */
  swung(endpoint, before, now) {
    if (before.length === 1 && now.length === 1) for (const svg of this.all("svg.group")) swing(svg, endpoint, before[0], now[0]);
  }

  /**
   * A dot to an endpoint, and from there to one of the servers that it leads to.
   * @param {Element} wire @param {string} sense
   */
  async travel(wire, sense) {
    if (!(await send(wire, sense, long(wire)))) return;
    const next = this.onward(wire, sense);
    if (next) send(next, sense, long(next));
  }

  /**
   * Where a dot goes on from an endpoint: to each server as often as that server counted such operations; nowhere if none did.
   * @param {Element} wire @param {string} sense
   */
  onward(wire, sense) {
    const leads = this.all(`[data-way="leads"][data-source="${CSS.escape(of(wire, "target"))}"]`).filter((lead) => lead.closest("svg") === wire.closest("svg") && this.status.flow(lead));
    const rates = leads.map((lead) => this.status.rate(of(lead, "link"), sense));
    const all = rates.reduce((sum, rate) => sum + rate, 0);
    if (!all) return undefined;
    leads.forEach((lead, index) => this.due.set(lead, (this.due.get(lead) ?? 0) + rates[index] / all));
    const next = leads.filter((_, index) => rates[index]).reduce((most, lead) => ((this.due.get(lead) ?? 0) > (this.due.get(most) ?? 0) ? lead : most));
    this.due.set(next, (this.due.get(next) ?? 0) - 1);
    return next;
  }
}

/** How long a dot takes on a wire: as fast on all of them. @param {Element} wire */
function long(wire) {
  const path = /** @type {SVGPathElement | null} */ (wire.querySelector(".link"));
  return Math.max(SHORTEST_MS, (path?.getTotalLength() ?? 0) / DOT_PX_PER_MS);
}
