// @ts-check
// Whether a document is a flight: a file may hold anything. The rules are those of portal/bench/flight.py, which the page brings.
import { ask } from "../../ask.js";
import { filled, wrongIn } from "./schema.js";

/** @returns {{largest: number, schema: import("./schema.js").Schema}} */
const rules = () => JSON.parse(document.getElementById("flight-rules")?.textContent ?? "");

/**
 * The document as a flight, operations in order; throws an Error whose message says what is wrong with it.
 * @param {unknown} document @returns {import("./words.js").Flight}
 */
export function checked(document) {
  const { schema } = rules();
  const flight = /** @type {any} */ (document);
  if (flight?.kind !== "flight") throw new Error("This is not a flight of the flight recorder.");
  if (flight.version !== schema.properties.version.const) throw new Error("This flight was written by another version of the flight recorder.");
  const wrong = wrongIn(flight, schema, schema);
  if (wrong) throw new Error(`This flight can’t be drawn: its part “${wrong}” is not as it has to be.`);
  if (flight.from_ms >= flight.to_ms) throw new Error("This flight can’t be drawn: it ends before it begins.");
  const whole = filled(flight, schema, schema);
  for (const name of ["marks", "writes", "reads", "sentinels", "moves", "roles"]) whole[name] = [...whole[name]].sort((a, b) => a[0] - b[0]);
  return /** @type {any} */ (whole);
}

/** @param {string} raw the text of a file */
export function read(raw) {
  notTooLong(raw.length);
  let document;
  try {
    document = JSON.parse(raw);
  } catch {
    throw new Error("This file is not JSON, so it is no flight.");
  }
  return checked(document);
}

/** @param {number} length of a file; throws an Error if no flight is as long */
export function notTooLong(length) {
  if (length > rules().largest) throw new Error("This file is longer than a flight may be (1 MiB).");
}

/** @param {string} url @returns {Promise<import("./words.js").Flight>} */
export async function fetched(url) {
  const { ok, status, text } = await ask(url);
  if (!ok) throw new Error(status === 404 ? "There is no flight at this address, or no longer." : `The flight could not be loaded (${status}).`);
  return read(text);
}
