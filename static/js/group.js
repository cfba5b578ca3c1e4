// @ts-check
// A replication group in the drawing: crowns, wires, endpoints, zones and sentinels, kept true by events. Where things stand is the server's.
import { of, write } from "./dom.js";
import { drop, send } from "./dots.js";
import { moveCrown, swing } from "./group-motion.js";
import { FLOWS, LONGEST_OF_APP, Standing, shortened } from "./group-standing.js";
import { saidOf } from "./words.js";

const DOT_PX_PER_MS = 0.2;
const SHORTEST_MS = 200;

export class Group {
  /** @param {import("./island.js").Island} host */
  constructor(host) {
    this.host = host;
    this.stands = new Standing(/** @type {Element} */ (host.querySelector("svg.group")));
    this.ruler = this.stands.ruler();
    this.turns = 0;
    this.listen();
  }

  listen() {
    this.host.on("role-changed", (entry) => this.member(entry.server, { role: entry.role, of: entry.role === "replica" ? entry.of : "" }));
    this.host.on("server-changed", (entry) => {
      if (this.stands.members.has(entry.server)) this.member(entry.server, { state: entry.state, why: entry.why });
      else for (const sentinel of this.sentinels(entry.server)) write(sentinel.querySelector(".sentinel-words"), saidOf(entry.state, ""));
    });
    this.host.on("endpoint-moved", (entry) => this.endpoint(entry.endpoint, entry.targets));
    this.host.on("link-changed", (entry) => {
      this.stands.conditions.set(entry.link, { state: entry.state, delay: entry.delay_ms >= 1000 ? `+${entry.delay_ms / 1000} s` : `+${entry.delay_ms} ms` });
      this.dress();
    });
    this.host.on("server-told", (entry) => {
      for (const node of this.all(`[data-member][data-node="${CSS.escape(entry.server)}"]`)) [...node.querySelectorAll(".told")].forEach((line, index) => write(line, shortened(entry.lines[index] ?? "")));
      if (this.host.querySelector(`[data-engine="app"][data-node="${CSS.escape(entry.server)}"]`)) {
        this.stands.told = shortened(entry.lines[0] ?? "", LONGEST_OF_APP);
        this.dress();
      }
    });
    this.host.on("setting-changed", (entry) => {
      if (entry.name === "client_zone") this.stands.clientZone = entry.value;
      if (entry.name === "zone_delay_ms") this.stands.zoneDelay = entry.value;
      this.dress();
    });
    this.host.on("sentinel-said", (entry) => {
      for (const sentinel of this.sentinels(entry.sentinel)) if (of(sentinel, "state") === "up") write(sentinel.querySelector(".sentinel-words"), this.stands.saying(entry.event, entry.words));
      if (entry.event === "+elected-leader") for (const sentinel of this.all(".sentinel")) sentinel.toggleAttribute("data-leader", of(sentinel, "node") === entry.sentinel);
    });
  }

  /** @param {string} selector */
  all(selector) {
    return [...this.host.querySelectorAll(selector)];
  }

  /** @param {string} name */
  sentinels(name) {
    return this.all(`.sentinel[data-node="${CSS.escape(name)}"]`);
  }

  /** @param {string} server @param {Partial<import("./group-standing.js").Member>} change */
  member(server, change) {
    const member = this.stands.members.get(server);
    if (!member) return;
    Object.assign(member, change);
    this.dress();
  }

  /** @param {string} endpoint @param {string[]} targets */
  endpoint(endpoint, targets) {
    const before = this.stands.endpoints.get(endpoint) ?? [];
    this.stands.endpoints.set(endpoint, targets);
    this.dress();
    const [from, to] = [before[0], targets[0]];
    if (from && to && before.length + targets.length === 2) for (const svg of this.all("svg.group")) swing(svg, endpoint, from, to);
  }

  /** Everything that follows from roles, endpoints, states and conditions. */
  dress() {
    const { stands } = this;
    for (const node of this.all("[data-member]")) {
      const server = of(node, "node");
      node.setAttribute("data-role", stands.members.get(server)?.role ?? "");
      node.setAttribute("data-crown", stands.crown(server));
      node.toggleAttribute("data-empty", stands.empty(server));
      write(node.querySelector(".role"), stands.words(server));
    }
    for (const line of this.all("[data-about]")) write(line, stands.appWords());
    for (const plate of this.all("[data-endpoint]")) write(plate.querySelector(".leads"), stands.leads(of(plate, "endpoint")));
    for (const zone of this.all("[data-zone]")) {
      zone.setAttribute("data-state", stands.conditions.get(of(zone, "zone"))?.state ?? "open");
      write(zone.querySelector(".zone-words"), stands.zoneWords(of(zone, "zone")));
    }
    for (const wire of this.all("[data-way]")) {
      const own = stands.conditions.get(of(wire, "link"));
      wire.setAttribute("data-seen", stands.seen(of(wire, "way"), of(wire, "source"), of(wire, "target")));
      wire.setAttribute("data-state", stands.state(wire));
      wire.setAttribute("data-cut", stands.cutAt(wire));
      write(wire.querySelector(".trouble"), own?.state === "slow" ? own.delay : "");
    }
    for (const path of this.all(".crown-path")) {
      const crowns = of(path, "between").split(" ").map((server) => stands.crown(server));
      path.setAttribute("data-shown", crowns.includes("worn") && crowns.includes("was") ? "yes" : "no");
    }
    this.tell();
    this.stream();
    const ruler = stands.ruler();
    if (ruler && this.ruler && ruler !== this.ruler) for (const svg of this.all("svg.group")) moveCrown(svg, this.ruler, ruler);
    this.ruler = ruler || this.ruler;
  }

  /** The same in the list for those who do not see the drawing. */
  tell() {
    const { stands } = this;
    for (const server of stands.members.keys()) write(this.line("tells", server), `${server}: ${stands.listed(server)}`);
    for (const [endpoint, targets] of stands.endpoints) if (targets) write(this.line("tells-endpoint", endpoint), `${endpoint}: to ${targets.join(", ") || "nobody"}`);
    for (const item of this.all("[data-tells-zone]")) write(item, `${of(item, "tells-zone")}: ${stands.zoneWords(of(item, "tells-zone")) || "whole"}`);
  }

  /** @param {string} kind @param {string} name */
  line(kind, name) {
    return this.host.querySelector(`[data-${kind}="${CSS.escape(name)}"]`);
  }

  stream() {
    for (const wire of this.all("[data-way]")) {
      const flow = this.stands.flow(wire);
      if (!flow && of(wire, "flow")) drop(wire);
      wire.setAttribute("data-flow", flow);
    }
  }

  /** The flows of a reading, by endpoint. @param {Record<string, number>} now */
  flows(now) {
    this.stands.now = now;
    this.stream();
    return [...this.stands.endpoints.keys()].slice(0, FLOWS.length).map((server, index) => ({ server, sense: FLOWS[index]?.sense ?? "none", rate: now[FLOWS[index]?.metric ?? ""] ?? 0 })).filter((flow) => flow.rate > 0);
  }

  /**
   * A dot to an endpoint, and from there to one of the servers that it leads to.
   * @param {Element} wire @param {string} sense
   */
  async travel(wire, sense) {
    if (!(await send(wire, sense, long(wire)))) return;
    const onward = this.all(`[data-way="leads"][data-source="${CSS.escape(of(wire, "target"))}"]`).filter((lead) => lead.closest("svg") === wire.closest("svg") && this.stands.flow(lead));
    const next = onward[this.turns++ % (onward.length || 1)];
    if (next) send(next, sense, long(next));
  }
}

/** How long a dot takes on a wire: as fast on all of them. @param {Element} wire */
function long(wire) {
  const path = /** @type {SVGPathElement | null} */ (wire.querySelector(".link"));
  return Math.max(SHORTEST_MS, (path?.getTotalLength() ?? 0) / DOT_PX_PER_MS);
}
