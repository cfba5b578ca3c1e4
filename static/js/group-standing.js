// @ts-check
// How a replication group stands, as far as a page knows: whom endpoints lead to, who wears the crown, which wires are seen, in what words.
// The same as in portal/drawing/standing.py.
import { of } from "./dom.js";
import { saidOf } from "./words.js";

const LONGEST = 33;
export const LONGEST_OF_APP = 38;
const AWAY = ["down", "stopped"];
const SAYINGS = {
  "+sdown": "no answer from {}", "-sdown": "hears {} again", "+odown": "{} is down, enough agree",
  "-failover-abort-no-good-slave": "no replica is fit", "-failover-abort-not-elected": "was not elected", "+convert-to-slave": "makes {} a replica",
};
export const FLOWS = [{ metric: "flight_writes_per_s", sense: "write" }, { metric: "flight_reads_per_s", sense: "hit" }];

/** @typedef {{state: string, why: string, role: string, of: string}} Member */
/** @typedef {{state: string, delay: string}} Condition */

export class Standing {
  /** As the server drew it. @param {Element} svg */
  constructor(svg) {
    /** @type {Map<string, Member>} */
    this.members = new Map([...svg.querySelectorAll("[data-member]")].map((node) => [of(node, "node"), {
      state: of(node, "state"), why: of(node, "why"), role: of(node, "role"), of: of(node, "of"),
    }]));
    /** @type {Map<string, string[] | undefined>} */
    this.endpoints = new Map([...svg.querySelectorAll("[data-endpoint]")].map((plate) => [of(plate, "endpoint"), plate.hasAttribute("data-targets") ? of(plate, "targets").split(" ").filter(Boolean) : undefined]));
    /** @type {Map<string, Condition>} */
    this.conditions = new Map();
    for (const zone of svg.querySelectorAll("[data-zone]")) this.conditions.set(of(zone, "zone"), { state: of(zone, "state"), delay: of(zone, "delay") });
    for (const wire of svg.querySelectorAll("[data-way]")) this.conditions.set(of(wire, "link"), { state: of(wire, "own"), delay: of(wire, "delay") });
    this.zones = new Map([...svg.querySelectorAll("[data-way=leads]")].map((wire) => [of(wire, "target"), of(wire, "to")]));
    this.servers = [...svg.querySelectorAll("[data-member], .sentinel")].map((node) => of(node, "node"));
    this.clientZone = of(svg, "client-zone");
    this.zoneDelay = Number(of(svg, "zone-delay"));
    this.told = "";
    this.about = of(/** @type {Element} */ (svg.querySelector("[data-about]")), "about");
    /** @type {Record<string, number>} */
    this.now = {};
  }

  get primaryEndpoint() {
    return [...this.endpoints.keys()][0] ?? "";
  }

  /** @param {string} server */
  empty(server) {
    return this.members.get(server)?.state === "stopped";
  }

  /** @param {string} server @returns {"worn" | "was" | ""} */
  crown(server) {
    const member = this.members.get(server);
    if (member?.role !== "primary") return "";
    return (this.endpoints.get(this.primaryEndpoint) ?? []).includes(server) && !AWAY.includes(member.state) ? "worn" : "was";
  }

  /** The server that wears the crown, if one does. */
  ruler() {
    return [...this.members.keys()].find((server) => this.crown(server) === "worn") ?? "";
  }

  /** @param {string} server */
  words(server) {
    const member = this.members.get(server);
    if (!member) return "";
    if (this.empty(server)) return "no replica here";
    const wrong = shortened(saidOf(member.state, member.why));
    if (wrong) return wrong;
    if (this.crown(server) === "was" && this.ruler()) return "still calls itself primary";
    return member.role === "primary" ? "primary" : member.role === "replica" ? `replica of ${member.of || "nobody yet"}` : "";
  }

  /** Its state and role in one line. @param {string} server */
  listed(server) {
    const [state, words] = [this.members.get(server)?.state ?? "", this.words(server)];
    return words && (saidOf(state, "") || this.empty(server)) ? words : [state, words].filter(Boolean).join(", ");
  }

  /** @param {string} kind @param {string} source @param {string} target @returns {"on" | "gone" | "off"} */
  seen(kind, source, target) {
    if (kind === "asks") return "on";
    if (kind === "leads") return (this.endpoints.get(source) ?? []).includes(target) ? "on" : source === this.primaryEndpoint && this.crown(target) === "was" ? "gone" : "off";
    const [one, two] = [this.members.get(source), this.members.get(target)];
    if (two?.of !== source || AWAY.includes(two.state)) return "off";
    return AWAY.includes(one?.state ?? "stopped") ? "gone" : "on";
  }

  /** The zones that a wire leaves and enters, empty if it stays in one. @param {Element} wire */
  crossed(wire) {
    if (!wire.hasAttribute("data-to")) return ["", ""];
    const [source, target] = [of(wire, "from") || this.clientZone, of(wire, "to")];
    return source === target ? ["", ""] : [source, target];
  }

  /** @param {string} name of a link or a zone */
  condition(name) {
    return this.conditions.get(name)?.state ?? "open";
  }

  /** @param {Element} wire */
  state(wire) {
    const states = [of(wire, "link"), ...this.crossed(wire)].map((name) => this.condition(name));
    return states.includes("cut") ? "cut" : states.includes("slow") ? "slow" : "open";
  }

  /** Where a cut wire shows it. @param {Element} wire */
  cutAt(wire) {
    return of(wire, "from") && this.condition(this.crossed(wire)[0] ?? "") === "cut" ? "source" : "target";
  }

  /** Whom an endpoint leads to, in words. @param {string} endpoint */
  leads(endpoint) {
    const targets = this.endpoints.get(endpoint);
    if (!targets) return "";
    return !targets.length ? "to nobody" : targets.length < 3 ? `to ${targets.join(", ")}` : `to ${targets.length} servers in turn`;
  }

  /** What is wrong with a zone, and if the clients are there. @param {string} zone */
  zoneWords(zone) {
    const { state, delay } = this.conditions.get(zone) ?? { state: "open", delay: "" };
    const wrong = state === "cut" ? "cut off" : state === "slow" ? `${delay} each way` : "";
    return [wrong, zone === this.clientZone ? "with the clients" : ""].filter(Boolean).join(", ");
  }

  /** The second line of the application. */
  appWords() {
    const between = this.zoneDelay ? `, ${this.zoneDelay} ms between zones` : "";
    return this.told || (this.clientZone ? `in ${this.clientZone}${between}` : this.about);
  }

  /** What travels a wire by the last reading. @param {Element} wire */
  flow(wire) {
    const index = [...this.endpoints.keys()].indexOf(of(wire, of(wire, "way") === "asks" ? "target" : "source"));
    const flow = FLOWS[index];
    return flow && (this.now[flow.metric] ?? 0) > 0 && this.isTravelled(wire) ? flow.sense : "";
  }

  /**
   * A wire in use; one that was, too, if the one in use leads to nobody in reach: connections outlive an endpoint's move.
   * @param {Element} wire
   */
  isTravelled(wire) {
    if (of(wire, "way") === "asks") return of(wire, "state") !== "cut";
    const [endpoint, server, seen] = [of(wire, "source"), of(wire, "target"), of(wire, "seen")];
    if (seen === "off" || !this.reaches(endpoint, server, of(wire, "to"))) return false;
    return seen === "on" || !(this.endpoints.get(endpoint) ?? []).some((target) => this.reaches(endpoint, target));
  }

  /** @param {string} endpoint @param {string} server @param {string} [zone] */
  reaches(endpoint, server, zone = this.zones.get(server) ?? "") {
    const cut = zone !== this.clientZone && [zone, this.clientZone].some((name) => this.condition(name) === "cut");
    return this.members.get(server)?.state === "up" && !cut && this.condition(`${endpoint} to ${server}`) !== "cut";
  }

  /** What a sentinel said, in as few words as there is room for. @param {string} event @param {string} words */
  saying(event, words) {
    const subject = this.servers.find((server) => words.includes(server)) ?? "";
    const short = SAYINGS[/** @type {"+sdown"} */ (event)] ?? "";
    return shortened(short && (subject || !short.includes("{}")) ? short.replace("{}", subject) : words);
  }
}

/** @param {string} text */
export function shortened(text, longest = LONGEST) {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).trimEnd()}…`;
}
