// @ts-check
// Asking the portal from a script: every question has a deadline, and what went wrong is an Error whose message a page may show.

const ANSWER_MS = 10000;
/** A script of ours reads a refusal in the header `Refused`, so that the browser reports no error of the page. */
export const REFUSALS = { Refusals: "in-header" };

/** What the portal answered, also where the header `Refused` says it. @param {Response | undefined} response */
export const statusOf = (response) => Number(response?.headers.get("Refused") ?? response?.status ?? 0);

/**
 * The answer to a GET, or with a body to a POST, whole.
 * @param {string} url
 * @param {{ms?: number, signal?: AbortSignal, headers?: Record<string, string>, body?: URLSearchParams}} [options]
 * @returns {Promise<{status: number, ok: boolean, text: string}>}
 */
export async function ask(url, { ms = ANSWER_MS, signal, headers = { Accept: "application/json" }, body } = {}) {
  const deadline = new AbortController();
  const stop = () => deadline.abort();
  const timer = setTimeout(stop, ms);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    const method = body ? "POST" : "GET";
    const response = await fetch(url, { method, body, headers: { ...headers, ...REFUSALS }, signal: deadline.signal });
    const status = statusOf(response);
    return { status, ok: status < 300, text: await response.text() };
  } catch (error) {
    throw new Error("The portal did not answer. Check your network, then try again.", { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * The events of a sandbox after a number; undefined if there is no such sandbox.
 * @param {string} base address of the sandbox
 * @param {number} after @param {number} ms @param {AbortSignal} [signal]
 * @returns {Promise<any[] | undefined>}
 */
export async function eventsAfter(base, after, ms, signal) {
  const { status, ok, text } = await ask(`${base}/feed?after=${after}`, { ms, signal });
  if (status === 404) return undefined;
  if (!ok) throw new Error(`The portal answered with an error (${status}).`);
  return JSON.parse(text);
}
