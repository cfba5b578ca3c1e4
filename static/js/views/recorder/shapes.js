// @ts-check
// The shapes that the recorder's marks have.
import { draw } from "../../dom.js";

/** One mark of a shape as a piece of a path, in a band that begins at `y` and is `tall`; `filled` shapes are filled, others are lines. */
export const SHAPES = {
  /** @param {number} x @param {number} y @param {number} tall */
  tick: (x, y, tall) => `M${x.toFixed(1)} ${y + 2}v${tall - 4}`,
  /** @param {number} x @param {number} y @param {number} tall */
  cross: (x, y, tall) => `M${(x - 3.5).toFixed(1)} ${y + tall / 2 - 3.5}l7 7m0-7l-7 7`,
  /** @param {number} x @param {number} y @param {number} tall */
  triangle: (x, y, tall) => `M${(x - 5.5).toFixed(1)} ${y + tall / 2 + 5}l5.5-10 5.5 10z`,
  /** @param {number} x @param {number} y @param {number} tall */
  box: (x, y, tall) => `M${(x - 3).toFixed(1)} ${y + tall / 2 - 3.5}h6v7h-6z`,
};

/** How far apart two marks of a shape are at least, so that each can be seen. */
export const PITCH = { tick: 4, cross: 10, triangle: 12, box: 9 };

/** @param {keyof typeof SHAPES} shape @param {string} sense @param {string} path */
export function marks(shape, sense, path) {
  return draw("path", { class: `${shape === "triangle" ? "shape" : "ops"} ${sense}`, d: path });
}
