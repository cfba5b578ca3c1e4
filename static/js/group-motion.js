// @ts-check
// What moves in the drawing of a replication group when a role does: the crown along its path, an endpoint's wire. Nothing where no motion is wanted.
import { draw, of } from "./dom.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE_MS = 420;

/**
 * The crown goes from one server to another.
 * @param {Element} svg @param {string} from @param {string} to
 */
export function moveCrown(svg, from, to) {
  if (STILL.matches || !svg.getClientRects().length) return;
  const node = svg.querySelector(`[data-node="${CSS.escape(to)}"]`);
  const path = [...svg.querySelectorAll(".crown-path")].find((one) => [`${from} ${to}`, `${to} ${from}`].includes(of(one, "between")));
  const shape = node?.querySelector(".rank")?.cloneNode();
  if (!node || !path || !(shape instanceof SVGElement)) return;
  shape.setAttribute("transform", "translate(-13 6.5)");
  shape.setAttribute("class", "crown");
  const crown = draw("g", { class: "moving" }, shape);
  crown.style.offsetPath = `path("${path.getAttribute("d")}")`;
  crown.style.offsetRotate = "0deg";
  svg.append(crown);
  node.setAttribute("data-arriving", "");
  const done = () => {
    crown.remove();
    node.removeAttribute("data-arriving");
  };
  const way = of(path, "between").startsWith(`${from} `) ? ["0%", "100%"] : ["100%", "0%"];
  crown.animate(way.map((offsetDistance) => ({ offsetDistance })), { duration: MOVE_MS, easing: "ease-in-out" }).finished.then(done, done);
}

/**
 * An endpoint's wire swings over from one server to another, where the browser can bend a path.
 * @param {Element} svg @param {string} endpoint @param {string} from @param {string} to
 */
export function swing(svg, endpoint, from, to) {
  if (STILL.matches || from === to || !svg.getClientRects().length) return;
  const paths = [from, to].map((server) => svg.querySelector(`[data-way="leads"][data-source="${CSS.escape(endpoint)}"][data-target="${CSS.escape(server)}"] .link`));
  const keyframes = paths.map((path) => ({ d: `path("${path?.getAttribute("d") ?? ""}")` }));
  if (paths[0] && paths[1]) paths[1].animate(/** @type {any} */ (keyframes), { duration: MOVE_MS, easing: "ease-in-out" });
}
