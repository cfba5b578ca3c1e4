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
    } else if (data.wake) {
      source?.wake(data.elsewhere);
    } else if (data.join) {
      ports.add(port);
      if (source && !source.over) port.postMessage({ ...source.said(), kind: "joined", seq: source.last });
      else {
        source = new Source(data.join, data.after, data.patience, broadcast);
        source.allow(true);
      }
    }
    // A page that hears nothing any more knows by this that the worker is still there.
    port.postMessage({ kind: "here" });
  };
};
