// @ts-check
// Shared by all pages of one browser that show the same sandbox: one stream for all of them.
import { Source } from "./source.js";

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {Source | undefined} */
let source;

/** @param {any} message */
const broadcast = (message) => ports.forEach((port) => port.postMessage(message));

/** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data.leave) {
      ports.delete(port);
      if (!ports.size) {
        source?.close();
        source = undefined;
      }
      return;
    }
    ports.add(port);
    if (source && !source.over) port.postMessage({ kind: "joined", seq: source.last, status: source.status });
    else source = new Source(data.base, data.after, broadcast);
  };
};
