// @ts-check
// The drawing: how servers and links are, what goes over them. The picture is drawn by the server; what it wears and says follows from the state.
import { make, of, write } from "./dom.js";
import { Sample, flowsOf, send } from "./dots.js";
import { Group } from "./group.js";
import { Island, calmly, clock, known } from "./island.js";
import { CHANGES, stateOf } from "./sandbox-state.js";
import { engineWords, replyWords, saidOf } from "./words.js";

const BALANCER = '[data-engine="balancer"]';
const TRAVEL_MS = 1600;

class Topology extends Island {
  state = stateOf("");

  start() {
    this.state = stateOf(this.dataset.state ?? "");
    this.group = this.querySelector("svg.group") ? new Group(this, this.state) : undefined;
    this.sample = new Sample((server) => this.wires(server).filter((wire) => wire.getClientRects().length), (wire, sense, ms) => this.group?.travel(wire, sense) ?? send(wire, sense, ms));
    const read = calmly(() => this.read());
    for (const [type, change] of Object.entries(CHANGES)) {
      this.on(type, (entry) => {
        const before = this.state.endpoints[entry.endpoint] ?? [];
        change(this.state, entry);
        this.dress();
        if (type === "endpoint-moved") this.group?.swung(entry.endpoint, before, entry.targets);
      });
    }
    this.on("caption-changed", (entry) => this.say(entry.text, entry.strong));
    this.on("step-started", (entry) => {
      this.clear();
      this.app("", entry.call);
    });
    this.on("line-reached", (entry) => this.app(entry.line === entry.last_line ? `line ${entry.line}` : `lines ${entry.line} to ${entry.last_line}`));
    this.on("command-ran", (entry) => this.command(entry));
    this.on("travelled", (entry) => this.travelled(entry));
    this.on("step-finished", (entry) => this.app(`${entry.took_ms.toFixed(2)} ms`));
    this.on("load-changed", (entry) => {
      this.state.loading = entry.running;
      this.clear();
      if (!entry.running) this.sample?.stop();
    });
    this.on("reading-taken", (entry) => {
      this.state.reading = entry.readings;
      read();
    });
    this.dress();
    if (this.bench) this.read();
  }

  stop() {
    this.sample?.stop();
  }

  /** @param {string} server */
  wires(server) {
    return [...this.querySelectorAll(`.wire[data-target="${CSS.escape(server)}"]`)].filter((wire) => this.querySelector(`[data-node="${CSS.escape(wire.getAttribute("data-source") ?? "")}"][data-engine="app"]`));
  }

  /** Everything that follows from the state. */
  dress() {
    for (const node of this.querySelectorAll("[data-node]")) this.dressNode(node);
    for (const item of this.querySelectorAll("[data-tells]")) write(item, `${of(item, "label")}, ${this.engine(item)}: ${this.listed(of(item, "tells"))}`);
    for (const item of this.querySelectorAll("[data-tells-link]")) {
      const link = of(item, "tells-link");
      write(item, `${of(item, "label")}: ${[this.state.links[link]?.state ?? "open", this.delay(link)].filter(Boolean).join(", ")}`);
    }
    if (this.group) return this.group.dress();
    for (const wire of this.querySelectorAll(".wire")) {
      const state = this.state.links[of(wire, "link")]?.state ?? "open";
      wire.setAttribute("data-state", state);
      write(wire.querySelector(".trouble"), state === "cut" ? "cut" : this.delay(of(wire, "link")));
    }
  }

  /** @param {Element} node a server; the application is always up */
  dressNode(node) {
    if (of(node, "engine") === "app") return;
    const server = this.state.servers[of(node, "node")];
    node.setAttribute("data-state", server?.state ?? "stopped");
    const room = Number(of(node, "room"));
    const held = server?.state === "up" ? this.held(of(node, "node"), room) : "";
    node.toggleAttribute("data-held", held !== "");
    write(node.querySelector(".why"), server ? (held || saidOf(server.state, server.why)).slice(0, room) : "");
    write(node.querySelector(".engine-words"), this.engine(node));
  }

  /** @param {Element} element of a server: its engine and version */
  engine(element) {
    const name = of(element, "node") || of(element, "tells");
    return engineWords(this.state.settings[of(element, "setting")] ?? of(element, "engine"), this.state.servers[name]?.version ?? "");
  }

  /** @param {string} server */
  listed(server) {
    if (this.group) return this.group.status.listed(server);
    const { state, why } = this.state.servers[server] ?? { state: "stopped", why: "" };
    const held = this.held(server);
    return [state, why, held && `your console has an ${held}`].filter(Boolean).join(", ");
  }

  /**
   * What your console holds open on a server, and since when; empty if nothing.
   * @param {string} server @param {number} [room] in characters; without room for it the time is left out
   */
  held(server, room = 99) {
    const { holds, since } = this.state.consoles[server] ?? { holds: "", since: 0 };
    if (!holds) return "";
    const words = `open transaction, ${clock(since).slice(0, 5)}`;
    return words.length > room ? "open transaction" : words;
  }

  /** @param {string} link */
  delay(link) {
    const { state, delay_ms } = this.state.links[link] ?? { state: "open", delay_ms: 0 };
    return state === "slow" ? `+${delay_ms} ms each way` : "";
  }

  /** @param {any} entry */
  command(entry) {
    const sense = known(entry.meaning);
    const words = replyWords(sense, entry.link ? "" : entry.reply);
    for (const wire of entry.link ? this.wiresOf(entry.link) : this.wires(entry.server)) this.light(wire, sense, words, entry.took_ms);
    for (const node of this.querySelectorAll(".node.busy")) node.setAttribute("class", "node");
    for (const node of this.querySelectorAll(`[data-node="${CSS.escape(entry.server)}"]`)) node.setAttribute("class", `node busy ${sense}`);
  }

  /**
   * A request and its answer, over several links.
   * @param {any} entry
   */
  travelled(entry) {
    const sense = known(entry.meaning);
    entry.links.forEach((/** @type {string} */ link, /** @type {number} */ index) => {
      for (const wire of this.wiresOf(link)) {
        this.light(wire, sense, index ? "" : entry.words, index ? undefined : entry.took_ms || undefined);
        if (index === entry.links.length - 1) for (const node of this.querySelectorAll(`[data-node="${CSS.escape(wire.getAttribute("data-target") ?? "")}"]`)) node.setAttribute("class", `node busy ${sense}`);
      }
    });
  }

  /** @param {string} link */
  wiresOf(link) {
    return [...this.querySelectorAll(`.wire[data-link="${CSS.escape(link)}"]`)];
  }

  /** @param {Element} wire @param {string} sense @param {string} words @param {number} [took] */
  light(wire, sense, words, took) {
    wire.setAttribute("class", `wire live ${sense}`);
    write(wire.querySelector(".tag"), words);
    write(wire.querySelector(".took"), took === undefined ? "" : `${took.toFixed(2)} ms`);
    if (wire.getClientRects().length) send(wire, sense, TRAVEL_MS);
  }

  /** @param {string} line @param {string} [call] */
  app(line, call) {
    for (const node of this.querySelectorAll('[data-engine="app"]')) {
      write(node.querySelector(".now-line"), line);
      if (call) write(node.querySelector(".engine-words"), call.slice(0, 28));
    }
  }

  clear() {
    for (const wire of this.querySelectorAll(".wire")) {
      wire.setAttribute("class", "wire");
      write(wire.querySelector(".tag"), "");
      write(wire.querySelector(".took"), "");
    }
    for (const node of this.querySelectorAll(".node.busy")) node.setAttribute("class", "node");
    this.app("");
    this.sampled(1);
  }

  /** @param {string} text @param {string} strong */
  say(text, strong) {
    text = text.replaceAll(/(?<=\d) (?=ms\b)/g, "\u00a0");
    const place = this.querySelector(".says");
    if (!place) return;
    const at = strong ? text.indexOf(strong) : -1;
    if (at < 0) return write(place, text);
    place.replaceChildren(text.slice(0, at), make("strong", {}, strong), text.slice(at + strong.length));
  }

  read() {
    if (this.group) {
      this.group.stream();
      return this.flown(this.group.status.flows());
    }
    const now = this.state.reading;
    const caches = this.servers('[data-engine="redis"], [data-engine="memcached"]');
    const databases = this.servers('[data-engine="postgres"]');
    if (caches.length === 1) this.keys(now.items);
    if (!this.state.loading && !(now.done_per_s > 0)) {
      // A page that came during a load did not see it begin; a last reading may come after its end.
      if (this.sample?.timer) {
        this.sample.stop();
        this.clear();
      }
      return;
    }
    const flows = flowsOf(now, caches, databases, this.servers(BALANCER));
    this.sampled(this.sample?.set(flows.filter((flow) => flow.rate > 0)) ?? 1);
    for (const server of [...caches, ...databases, ...this.servers(BALANCER)]) {
      const rate = flows.filter((flow) => flow.server === server).reduce((sum, flow) => sum + flow.rate, 0);
      for (const wire of this.wires(server)) write(wire.querySelector(".took"), `${Math.round(rate).toLocaleString("en-US")}/s`);
    }
  }

  /** The rates at which a group's endpoints are asked. @param {{server: string, sense: string, rate: number}[]} flows */
  flown(flows) {
    if (flows.length) this.sampled(this.sample?.set(flows) ?? 1);
    else {
      this.sample?.stop();
      this.sampled(1);
    }
    for (const wire of this.querySelectorAll('[data-way="asks"]')) {
      const flow = flows.find((part) => part.server === wire.getAttribute("data-target"));
      write(wire.querySelector(".took"), flow ? `${Math.round(flow.rate).toLocaleString("en-US")}/s` : "");
    }
  }

  /** @param {string} selector @returns {string[]} */
  servers(selector) {
    const first = this.querySelector("svg");
    return [...(first?.querySelectorAll(selector) ?? [])].map((node) => node.getAttribute("data-node") ?? "");
  }

  /** @param {number | undefined} count undefined for a cache that is down */
  keys(count) {
    const text = count === undefined ? "" : ` · ${count.toLocaleString("en-US")} key${count === 1 ? "" : "s"}`;
    for (const words of this.querySelectorAll('[data-engine="redis"] .keys, [data-engine="memcached"] .keys')) write(words, text);
    for (const grid of this.querySelectorAll(".slots")) [...grid.children].forEach((slot, index) => slot.setAttribute("class", index < (count ?? 0) ? "slot full" : "slot"));
  }

  /** @param {number} one of how many requests is drawn */
  sampled(one) {
    write(this.querySelector(".sampled"), one > 1 ? `Dots are a sample, about 1 of ${one.toLocaleString("en-US")}; the numbers are exact.` : "");
  }
}

customElements.define("cg-topology", Topology);
