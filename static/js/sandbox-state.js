// @ts-check
// How the servers and links of a sandbox are: first as the page brings it, then kept true by events. Everything drawn follows from this.

/** @typedef {{state: string, why: string, version: string}} Server */
/** @typedef {{state: string, delay_ms: number}} Link of a link, or of a zone */
/** @typedef {{failed: number, ended: number, wanted_per_s: number, why: string}} Failing of the load's requests in the last second */

/**
 * @typedef {{
 *   servers: Record<string, Server>, links: Record<string, Link>, settings: Record<string, any>, flows: Record<string, number>, keys: Record<string, number>, loading: boolean, failing: Failing | Record<string, never>,
 *   roles: Record<string, {role: string, of: string}>, endpoints: Record<string, string[]>, figures: Record<string, string[]>, consoles: Record<string, {holds: string, since: number}>,
 *   measuring: {running: string}, sentinels: Record<string, {event: string, words: string}>, leader: string, tilts: Record<string, number>,
 * }} State
 */

/** @param {string} json what portal.bench.view.Bench.drawn says @returns {State} */
export function stateOf(json) {
  return { servers: {}, links: {}, settings: {}, flows: {}, keys: {}, loading: false, failing: {}, roles: {}, endpoints: {}, figures: {}, consoles: {}, sentinels: {}, leader: "", tilts: {}, measuring: { running: "" }, ...JSON.parse(json || "{}") };
}

/** The events that change a state. */
export const CHANGES = {
  /** @param {State} state @param {any} entry */
  "server-changed": (state, { server, state: now, why, version }) => { state.servers[server] = { state: now, why, version: version || state.servers[server]?.version || "" }; },
  /** @param {State} state @param {any} entry */
  "link-changed": (state, { link, state: now, delay_ms }) => { state.links[link] = { state: now, delay_ms }; },
  /** @param {State} state @param {any} entry */
  "setting-changed": (state, { name, value }) => { state.settings[name] = value; },
  /** @param {State} state @param {any} entry */
  "role-changed": (state, { server, role, of }) => { state.roles[server] = { role, of: role === "replica" ? of : "" }; },
  /** @param {State} state @param {any} entry */
  "endpoint-moved": (state, { endpoint, targets }) => { state.endpoints[endpoint] = targets; },
  /** @param {State} state @param {any} entry */
  "server-figures-changed": (state, { server, lines }) => { state.figures[server] = lines; },
  /** @param {State} state @param {any} entry */
  "console-changed": (state, { server, holds, since }) => { state.consoles[server] = { holds, since }; },
  /** @param {State} state @param {any} entry */
  "sentinel-said": (state, { sentinel, event, words }) => {
    state.sentinels[sentinel] = { event, words };
    if (event === "+elected-leader") state.leader = sentinel;
  },
  /** @param {State} state @param {any} entry */
  "load-changed": (state, { running }) => {
    state.loading = running;
    state.failing = {};
    if (!running) state.flows = {};
  },
  /** @param {State} state @param {any} entry */
  "load-failing": (state, entry) => { state.failing = entry.failed ? entry : {}; },
  /** @param {State} state @param {any} entry */
  "measuring-changed": (state, { running }) => { state.measuring = { running }; },
  /** @param {State} state @param {any} entry */
  "tilt-changed": (state, { sentinel, left_s: left, at }) => {
    delete state.tilts[sentinel];
    if (left) state.tilts[sentinel] = at + left;
  },
};
