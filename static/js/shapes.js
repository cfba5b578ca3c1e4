// @ts-check
// The shape of each meaning, around its middle.

const SHAPES = {
  hit: "M5 0A5 5 0 1 1-5 0 5 5 0 1 1 5 0Z",
  miss: "M0-6 6 0 0 6-6 0Z",
  read: "M0-6.5 6.5 0 0 6.5-6.5 0Z",
  write: "M-5-5H5V5H-5Z",
  stale: "M0-6 6.5 5.5H-6.5Z",
  error: "M-6-4-4-6 0-2 4-6 6-4 2 0 6 4 4 6 0 2-4 6-6 4-2 0Z",
  none: "M4 0A4 4 0 1 1-4 0 4 4 0 1 1 4 0Z",
};

/** @param {string} meaning @returns {string} the path of its shape; a small circle for what has none */
export const shapeOf = (meaning) => SHAPES[/** @type {"hit"} */ (meaning)] ?? SHAPES.none;
