// @ts-check
// The drawing: how servers and links are, what goes over them. The picture is drawn by the server; what it wears and says follows from the state.
import { make, of, put, write } from "./dom.js";
import { Sample, flowsOf, send } from "./dots.js";
import { Failing } from "./failing.js";
import { Group } from "./group.js";
import { Island, calmly, clock, figure, known } from "./island.js";
import { Measured } from "./measured.js";
import { hush } from "./outcome.js";
import { CHANGES, stateOf } from "./sandbox-state.js";
import { WORDS, engineWords, saidOf } from "./words.js";

const TRAVEL_MS = 1600;
/** A load that runs has a reading four times a second: after this time without one it is unknown how things are. */
const OLD_MS = 4000;

class Topology extends Island {
  state = stateOf("");

  start() {
    this.state = stateOf(this.dataset.state ?? "");
    this.group = this.querySelector("svg.group") ? new Group(this, this.state) : undefined;
    this.failing = new Failing(this, this.state);
    this.measured = new Measured(this, this.state);
    this.sample = new Sample((link) => this.wiresOf(link).filter((wire) => wire.getClientRects().length), (wire, sense, ms) => this.group?.travel(wire, sense) ?? send(wire, sense, ms));
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
      this.clear();
      this.readAt = Date.now();
      if (!entry.running) this.sample?.stop();
    });
    this.on("reading-taken", (entry) => {
      this.state.flows = entry.flows ?? {};
      this.state.keys = entry.keys ?? {};
      this.readAt = Date.now();
      this.age();
      read();
    });
    this.readAt = Date.now();
    this.ageing = window.setInterval(() => this.age(), 1000);
    this.dress();
    if (this.bench) this.read();
  }

  stop() {
    window.clearInterval(this.ageing);
    this.sample?.stop();
  }

  /** What was read too long ago is not what is so now: it is grey, and no dot travels. */
  age() {
    const old = Date.now() - (this.readAt ?? 0);
    const isOld = this.state.loading && old > OLD_MS;
    if (isOld) write(this.querySelector(".sampled"), `The last reading is ${Math.round(old / 1000)} s old.`);
    else if (this.hasAttribute("data-old")) this.sampled(1);
    this.toggleAttribute("data-old", isOld);
  }

  /** @param {string} server */
  wires(server) {
    return [...this.querySelectorAll(`.wire[data-target="${CSS.escape(server)}"]`)].filter((wire) => this.querySelector(`[data-node="${CSS.escape(wire.getAttribute("data-source") ?? "")}"][data-engine="app"]`));
  }

  /** Everything that follows from the state. */
  dress() {
    for (const node of this.querySelectorAll("[data-node]")) this.dressNode(node);
    this.failing?.show();
    this.measured?.show();
    this.keys();
    for (const item of this.querySelectorAll("[data-tells]")) write(item, `${of(item, "label")}, ${this.engine(item)}: ${this.listed(of(item, "tells"))}`);
    for (const item of this.querySelectorAll("[data-tells-link]")) {
      const link = of(item, "tells-link");
      write(item, `${of(item, "label")}: ${[this.state.links[link]?.state ?? "open", this.delay(link)].filter(Boolean).join(", ")}`);
    }
    if (this.group) return this.group.dress();
    for (const wire of this.querySelectorAll(".wire")) {
      const state = this.state.links[of(wire, "link")]?.state ?? "open";
      put(wire, "data-state", state);
      write(wire.querySelector(".trouble"), state === "cut" ? "cut" : this.delay(of(wire, "link")));
    }
  }

  /** @param {Element} node a server; the application is always up */
  dressNode(node) {
    if (of(node, "engine") === "app") return;
    const server = this.state.servers[of(node, "node")];
    put(node, "data-state", server?.state ?? "stopped");
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
    const words = WORDS.meanings[sense];
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
    const at = strong ? text.indexOf(strong) : -1;
    const words = at < 0 ? [text] : [text.slice(0, at), make("strong", {}, strong), text.slice(at + strong.length)];
    this.measured?.change(words.map((part) => (typeof part === "string" ? new Text(part) : part)));
    hush(this);
  }

  /** What the last reading counted: keys in caches, operations on links. */
  read() {
    this.group?.stream();
    this.keys();
    const flows = flowsOf(this.state.flows);
    // From an endpoint a dot goes on by itself.
    const begun = this.group ? flows.filter((flow) => this.wiresOf(flow.link).some((wire) => of(wire, "way") === "asks")) : flows;
    if (begun.length) this.sampled(this.sample?.set(begun) ?? 1);
    else if (this.sample?.timer) {
      this.sample.stop();
      this.clear();
    }
    if (!begun.length && !this.state.loading) return;
    for (const wire of this.querySelectorAll(".wire:not([data-way=leads], [data-way=feeds])")) {
      const rate = begun.filter((flow) => flow.link === of(wire, "link")).reduce((sum, flow) => sum + flow.rate, 0);
      write(wire.querySelector(".took"), rate ? `${figure(rate, 0)}/s` : "");
    }
  }

  /** As many cells of a cache as it has keys, if there are so many cells; none where it is not known. */
  keys() {
    for (const node of this.querySelectorAll(".node")) {
      const count = this.state.servers[of(node, "node")]?.state === "up" ? this.state.keys[of(node, "node")] : undefined;
      const words = count === undefined ? "" : ` · ${figure(count, 0)} key${count === 1 ? "" : "s"}`;
      const fits = (node.querySelector(".engine-words")?.textContent ?? "").length + words.length <= Number(of(node, "room"));
      write(node.querySelector(".keys"), fits ? words : "");
      [...(node.querySelector(".slots")?.children ?? [])].forEach((slot, index) => put(slot, "class", index < (count ?? 0) ? "slot full" : "slot"));
    }
  }

  /** @param {number} one of how many requests is drawn */
  sampled(one) {
    write(this.querySelector(".sampled"), one > 1 ? `Dots are a sample, about 1 of ${figure(one, 0)}; the numbers are exact.` : "");
  }
}

customElements.define("cg-topology", Topology);
