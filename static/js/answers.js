// @ts-check
// What becomes of a request that a page makes through htmx: it has a deadline, and one without an answer is said to be so:
// whether it was done, the page does not know.
import { toast } from "./toast.js";

const ASKED_MS = 10000;
/** The server gives up a little earlier: calls of a sandbox, measuring, a lab's own actions. */
const DONE_MS = [[/\/actions\//, 120000], [/\/(predictions|quiz)\//, 60000], [/\/reset$/, 30000], [/./, 20000]];

document.addEventListener("htmx:config:request", (event) => {
  const { request } = /** @type {any} */ (event).detail.ctx;
  request.timeout ??= request.method === "GET" ? ASKED_MS : DONE_MS.find(([path]) => /** @type {RegExp} */ (path).test(request.action))?.[1];
});
document.addEventListener("htmx:error", (event) => {
  const method = /** @type {any} */ (event).detail.ctx?.request?.method;
  if (method === "GET") toast("The portal did not answer.", { sense: "error", hint: "Check your network, then try again." });
  else if (method) toast("The portal did not answer, so this page does not know whether that was done.", { sense: "error", hint: "Look before you do it once more." });
});
