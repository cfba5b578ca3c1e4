// @ts-check
// How a replication group stands, as far as a page knows: whom endpoints lead to, who wears the crown, which wires are seen, in what words.
// The same as in portal/drawing/standing.py.
import { saidOf } from "./words.js";

const LONGEST = 33;
export const LONGEST_OF_APP = 38;
const AWAY = ["down", "stopped"];
export const FLOWS = [{ metric: "flight_writes_per_s", sense: "write" }, { metric: "flight_reads_per_s", sense: "hit" }];

/** @typedef {{state: string, why: string, role: string, of: string, waits: boolean}} Member */
/** @typedef {{state: string, delay: string}} Condition */

export class Standing {
  /** As the server drew it. @param {Element} svg */
  constructor(svg) {
    /** @type {Map<string, Member>} */
    this.members = new Map([...svg.querySelectorAll("[data-member]")].map((node) => [of(node, "node"), {
      state: of(node, "state"), why: of(node, "why"), role: of(node, "role"), of: of(node, "of"), waits: node.hasAttribute("data-waits"),
    }]));
    /** @type {Map<string, string[] | undefined>} */
    this.endpoints = new Map([...svg.querySelectorAll("[data-endpoint]")].map((plate) => [of(plate, "endpoint"), plate.hasAttribute("data-targets") ? of(plate, "targets").split(" ").filter(Boolean) : undefined]));
    /** @type {Map<string, Condition>} */
    this.conditions = new Map();
    for (const zone of svg.querySelectorAll("[data-zone]")) this.conditions.set(of(zone, "zone"), { state: of(zone, "state"), delay: of(zone, "delay") });
    for (const wire of svg.querySelectorAll("[data-way]")) this.conditions.set(of(wire, "link"), { state: of(wire, "own"), delay: of(wire, "delay") });
    /** @type {Record<string, number>} */
    this.now = {};
  }

  get primaryEndpoint() {
    return [...this.endpoints.keys()][0] ?? "";
  }

  /** @param {string} server */
  empty(server) {
    const member = this.members.get(server);
    return member?.waits === true && member.state === "stopped";
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

  /** @param {Element} wire */
  state(wire) {
    const names = [of(wire, "link"), ...of(wire, "crosses").split("|")];
    const states = names.map((name) => this.conditions.get(name)?.state ?? "open");
    return states.includes("cut") ? "cut" : states.includes("slow") ? "slow" : "open";
  }

  /** Where a cut wire shows it. @param {Element} wire */
  cutAt(wire) {
    const source = of(wire, "crosses").split("|")[0];
    return source && this.conditions.get(source)?.state === "cut" ? "source" : "target";
  }

  /** Whom an endpoint leads to, in words. @param {string} endpoint */
  leads(endpoint) {
    const targets = this.endpoints.get(endpoint);
    if (!targets) return "";
    return !targets.length ? "to nobody" : targets.length < 3 ? `to ${targets.join(", ")}` : `to ${targets.length} servers in turn`;
  }

  /** What is wrong with a zone. @param {string} zone */
  zoneWords(zone) {
    const { state, delay } = this.conditions.get(zone) ?? { state: "open", delay: "" };
    return state === "cut" ? "cut off" : state === "slow" ? `${delay} each way` : "";
  }

  /** What travels a wire by the last reading. @param {Element} wire */
  flow(wire) {
    const [kind, seen, state] = [of(wire, "way"), of(wire, "seen"), of(wire, "state")];
    const index = [...this.endpoints.keys()].indexOf(of(wire, kind === "asks" ? "target" : "source"));
    const flow = FLOWS[index];
    if (kind === "feeds" || !flow || seen !== "on" || state === "cut") return "";
    if (kind === "leads" && this.members.get(of(wire, "target"))?.state !== "up") return "";
    return (this.now[flow.metric] ?? 0) > 0 ? flow.sense : "";
  }
}

/** @param {Element} element @param {string} name */
export function of(element, name) {
  return element.getAttribute(`data-${name}`) ?? "";
}

/** @param {string} text */
export function shortened(text, longest = LONGEST) {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).trimEnd()}…`;
}
