// @ts-check
// What becomes of a request that a page makes through htmx: it has a deadline, and one without an answer is said to be so:
// whether it was done, the page does not know. What was done, or refused, is said where it was asked for.
import { REFUSALS } from "./ask.js";
import { begin, show } from "./outcome.js";

const ASKED_MS = 10000;
/** The server gives up a little earlier: calls of a sandbox, measuring, a lab's own actions. */
const DONE_MS = [[/\/actions\//, 120000], [/\/(predictions|quiz)\//, 60000], [/\/reset$/, 30000], [/./, 20000]];

/** @param {Event} event @returns {any} what htmx knows of the request */
const requestOf = (event) => /** @type {CustomEvent} */ (event).detail.ctx ?? {};

document.addEventListener("htmx:config:request", (event) => {
  const { request, sourceElement } = requestOf(event);
  request.timeout ??= request.method === "GET" ? ASKED_MS : DONE_MS.find(([path]) => /** @type {RegExp} */ (path).test(request.action))?.[1];
  Object.assign(request.headers, REFUSALS);
  if (request.method !== "GET") begin(sourceElement);
});
document.addEventListener("htmx:after:request", (event) => {
  const { request, response, sourceElement } = requestOf(event);
  const said = response?.raw.headers.get("Outcome");
  if (said) show(sourceElement, request.action, JSON.parse(said));
});
document.addEventListener("htmx:error", (event) => {
  const { request, sourceElement } = requestOf(event);
  if (!request?.method) return;
  const isQuestion = request.method === "GET";
  show(sourceElement, request.action, {
    text: isQuestion ? "The portal did not answer." : "The portal did not answer, so this page does not know whether that was done.",
    hint: isQuestion ? "Check your network, then try again." : "Look before you do it once more.",
    sense: "error",
  });
});
