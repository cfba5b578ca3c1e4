// @ts-check
// What stands around the strips: the buttons that choose the seconds, and each flight with its results, its sentence and its table.
import { results } from "./results.js";
import { make } from "../../dom.js";
import { table } from "./table.js";
import { sentence, titled } from "./words.js";

export function bar() {
  const button = (/** @type {string} */ way, /** @type {string} */ words) => make("button", { type: "button", class: "button small", "data-way": way }, words);
  return make("div", { class: "recorder-bar", role: "group", "aria-label": "What is shown" },
    button("around", "Around the fault"), button("whole", "Whole flight"), button("closer", "Closer"), button("wider", "Wider"), button("earlier", "Earlier"), button("later", "Later"));
}

/** @param {import("./words.js").Flight} flight @param {number} index @param {boolean} two whether another is next to it */
export function part(flight, index, two) {
  const letter = two ? `${"AB"[index]}: ` : "";
  const place = make("div", { class: `recorder-strip${flight.live ? " live" : ""}`, ...(flight.live ? {} : { tabindex: "0", role: "region", "aria-label": `${letter}${titled(flight.title)}, strip. Plus and minus zoom, arrows move.` }) });
  if (flight.live) return make("section", { class: "recorder-flight", "aria-label": "Live" }, place);
  return make("section", { class: "recorder-flight", "aria-label": `${letter}${titled(flight.title)}` },
    ...(two ? [make("p", { class: "recorder-title" }, make("strong", {}, "AB"[index]), ` ${titled(flight.title)}`)] : []),
    results(flight), make("p", { class: "recorder-says" }, sentence(flight)), place, table(flight, two ? "AB"[index] : ""));
}
