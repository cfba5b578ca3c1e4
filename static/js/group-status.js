// @ts-check
// How a replication group stands: which server is the primary for its endpoint, which wires are seen, what they all say. No element is changed here.
import { of } from "./dom.js";
import { flowsOf } from "./dots.js";
import { clock } from "./island.js";
import { WORDS, saidOf, shortened } from "./words.js";

const LONGEST = 33;
const LONGEST_OF_APP = 38;
const AWAY = ["down", "stopped"];

export class GroupStatus {
  /**
   * The first endpoint drawn is the primary's, the second the readers'.
   * @param {Element} svg the drawing: what there is, and where @param {import("./sandbox-state.js").State} state
   */
  constructor(svg, state) {
    this.state = state;
    const nodes = [...svg.querySelectorAll("[data-node]")];
    this.zones = new Map(nodes.map((node) => [of(node, "node"), of(node, "in")]));
    this.waiting = new Set(nodes.filter((node) => node.hasAttribute("data-waits")).map((node) => of(node, "node")));
    this.members = [...svg.querySelectorAll("[data-member]")].map((node) => of(node, "node"));
    this.servers = [...svg.querySelectorAll("[data-member], .sentinel")].map((node) => of(node, "node"));
    this.endpoints = [...svg.querySelectorAll("[data-endpoint]")].map((plate) => of(plate, "endpoint"));
    this.about = of(/** @type {Element} */ (svg.querySelector("[data-about]")), "about");
    this.app = of(/** @type {Element} */ (svg.querySelector('[data-engine="app"]')), "node");
  }

  get clientZone() {
    return this.state.settings.client_zone ?? "";
  }

  /** @param {string} server */
  stateOf(server) {
    return this.state.servers[server]?.state ?? "stopped";
  }

  /** True if nothing stands there: it was taken away, or waits and was not added. @param {string} server */
  empty(server) {
    return this.stateOf(server) === "stopped" && (server in this.state.servers || this.waiting.has(server));
  }

  /** @param {string} server primary, replica, none, or nothing if no event named one */
  role(server) {
    return this.state.roles[server]?.role ?? "";
  }

  /** @param {string} server the server that a replica follows, by its own word */
  primaryOf(server) {
    return this.state.roles[server]?.of ?? "";
  }

  /** @param {string} endpoint */
  targets(endpoint) {
    return this.state.endpoints[endpoint] ?? [];
  }

  /**
   * Worn by the primary that the primary endpoint leads to; hollow over any other that calls itself one, or is down as one.
   * @param {string} server @returns {"worn" | "was" | ""}
   */
  crown(server) {
    if (this.role(server) !== "primary") return "";
    return this.targets(this.endpoints[0]).includes(server) && !AWAY.includes(this.stateOf(server)) ? "worn" : "was";
  }

  /** The server that wears the crown, if one does. */
  primary() {
    return this.members.find((server) => this.crown(server) === "worn") ?? "";
  }

  /** True if a crown went from one to the other, either way, and the former one is still seen. @param {string} one @param {string} other */
  moved(one, other) {
    return [this.crown(one), this.crown(other)].sort().join() === "was,worn";
  }

  /** What is wrong with a cache, or its role. @param {string} server */
  words(server) {
    if (this.empty(server)) return WORDS.noReplica;
    const wrong = this.wrong(server);
    if (wrong) return shortened(wrong, LONGEST);
    if (this.crown(server) === "was" && this.primary()) return "still calls itself primary";
    return { primary: "primary", replica: `replica of ${this.primaryOf(server) || "no server yet"}` }[this.role(server)] ?? "";
  }

  /** @param {string} server */
  wrong(server) {
    const known = this.state.servers[server];
    return known ? saidOf(known.state, known.why) : "";
  }

  /** Its state and role in one line, for those who do not see the drawing. @param {string} server */
  listed(server) {
    const until = this.state.tilts[server];
    const words = this.members.includes(server) ? this.words(server) : until ? WORDS.tilt.listed.replace("{}", clock(until)) : "";
    return words && (this.wrong(server) || this.empty(server)) ? words : [this.stateOf(server), words].filter(Boolean).join(", ");
  }

  /** Its lines of figures. @param {string} server */
  figures(server) {
    return (this.empty(server) ? [] : this.state.figures[server] ?? []).map((line) => shortened(line, LONGEST));
  }

  /** Whether a wire is in use, was until now, or is not. @param {string} kind @param {string} source @param {string} target @returns {"on" | "gone" | "off"} */
  seen(kind, source, target) {
    if (kind === "asks") return "on";
    if (kind === "leads") return this.targets(source).includes(target) ? "on" : (source === this.endpoints[0] && this.crown(target) === "was") || this.isCounted(`${source} to ${target}`) ? "gone" : "off";
    if (this.primaryOf(target) !== source || AWAY.includes(this.stateOf(target))) return "off";
    return AWAY.includes(this.stateOf(source)) ? "gone" : "on";
  }

  /**
   * The zones that a wire leaves and enters, empty if it stays in one. An endpoint is a name and in no zone: what goes through it comes from the clients'.
   * @param {Element} wire
   */
  crossed(wire) {
    const [source, target] = [this.zones.get(of(wire, "source")) || this.clientZone, this.zones.get(of(wire, "target"))];
    return target === undefined || source === target ? ["", ""] : [source, target];
  }

  /** @param {string} name of a link or a zone */
  condition(name) {
    return this.state.links[name]?.state ?? "open";
  }

  /** How much slower a link or a zone is made, shortly. @param {string} name */
  delay(name) {
    const delayMs = this.state.links[name]?.delay_ms ?? 0;
    return delayMs >= 1000 ? `+${delayMs / 1000} s` : `+${delayMs} ms`;
  }

  /** open, slow or cut: its own, or that of a zone whose border it crosses. @param {Element} wire */
  wireState(wire) {
    const states = [of(wire, "link"), ...this.crossed(wire)].map((name) => this.condition(name));
    return ["cut", "slow"].find((state) => states.includes(state)) ?? "open";
  }

  /** Where a cut wire shows it: at its source if that is in a zone that is cut, else at its target. @param {Element} wire */
  cutAt(wire) {
    return this.zones.get(of(wire, "source")) && this.condition(this.crossed(wire)[0] ?? "") === "cut" ? "source" : "target";
  }

  /** Where an endpoint leads, in words; nothing if no event said. @param {string} endpoint */
  leads(endpoint) {
    if (!(endpoint in this.state.endpoints)) return "";
    const targets = this.targets(endpoint);
    return !targets.length ? "to no server" : targets.length < 3 ? `to ${targets.join(", ")}` : `to ${targets.length} servers in turn`;
  }

  /** What is wrong with a zone, and if the clients are there. @param {string} zone */
  zoneWords(zone) {
    const wrong = { slow: `${this.delay(zone)} each way`, cut: "cut off" }[this.condition(zone)];
    return [wrong, zone === this.clientZone && "with the clients"].filter(Boolean).join(", ");
  }

  /** The second line of the application: its figures, its zone, or what the lab says of it. */
  appWords() {
    const figures = this.state.figures[this.app]?.[0];
    if (figures) return shortened(figures, LONGEST_OF_APP);
    const between = Number(this.state.settings.zone_delay_ms ?? 0);
    return this.clientZone ? `in ${this.clientZone}${between ? `, ${between} ms between zones` : ""}` : this.about;
  }

  /** Operations a second of a link that meant this, by the last reading. @param {string} link @param {string} sense */
  rate(link, sense) {
    return this.state.flows[`${link} ${sense}`] ?? 0;
  }

  /** True if the last reading counted anything there: connections outlive an endpoint's move. @param {string} link */
  isCounted(link) {
    return flowsOf(this.state.flows).some((flow) => flow.link === link);
  }

  /** What travels a wire most, by the last reading; nothing if none was counted, or can arrive any more. @param {Element} wire */
  flow(wire) {
    const link = of(wire, "link");
    const most = flowsOf(this.state.flows).filter((flow) => flow.link === link).sort((one, other) => other.rate - one.rate)[0];
    return most && this.isTravelled(wire) ? most.sense : "";
  }

  /** True if what takes a wire can still arrive. @param {Element} wire */
  isTravelled(wire) {
    return of(wire, "way") === "asks" ? this.wireState(wire) !== "cut" : this.reaches(of(wire, "source"), of(wire, "target"));
  }

  /** True if what the clients send there arrives: the server is up, and no zone between them is cut. @param {string} endpoint @param {string} server */
  reaches(endpoint, server) {
    const zone = this.zones.get(server) ?? "";
    const cut = zone !== this.clientZone && [zone, this.clientZone].some((name) => this.condition(name) === "cut");
    return this.stateOf(server) === "up" && !cut && this.condition(`${endpoint} to ${server}`) !== "cut";
  }

  /** What is wrong with a sentinel, or the last that it said. @param {string} sentinel */
  sentinelWords(sentinel) {
    const wrong = saidOf(this.state.servers[sentinel]?.state ?? "", "");
    const { event, words } = this.state.sentinels[sentinel] ?? { event: "", words: "" };
    if (wrong) return wrong;
    if (this.state.tilts[sentinel]) return WORDS.tilt.left.replace("{}", String(this.tiltLeft(sentinel)));
    const subject = this.servers.find((server) => words.includes(server)) ?? "";
    const short = WORDS.sentinels[event] ?? "";
    return shortened(short && (subject || !short.includes("{}")) ? short.replace("{}", subject) : words, LONGEST);
  }

  /** Whole seconds, by the sentinel's own figure. @param {string} sentinel */
  tiltLeft(sentinel) {
    return Math.max(0, Math.round(this.state.tilts[sentinel] - Date.now() / 1000));
  }

  /** Who is in TILT mode, until when, and what that means for a failover; nothing if none is. */
  tiltWords() {
    const sentinels = this.servers.filter((server) => !this.members.includes(server));
    const tilted = sentinels.filter((sentinel) => this.state.tilts[sentinel]);
    if (!tilted.length) return "";
    const { tilt } = WORDS;
    const until = clock(Math.max(...tilted.map((sentinel) => this.state.tilts[sentinel])));
    const who = tilted.length === sentinels.length ? tilt.all : (tilted.length === 1 ? tilt.one : tilt.some).replace("{}", tilted.join(" and "));
    const free = sentinels.filter((sentinel) => !this.state.tilts[sentinel] && this.stateOf(sentinel) === "up");
    const enough = free.length >= Number(this.state.settings.quorum ?? 2);
    return [who.replace("{}", until), enough ? tilt.enough : tilt.blocked, tilt.aws].join(" ");
  }
}
