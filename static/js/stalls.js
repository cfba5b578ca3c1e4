// @ts-check
// Where the machine stalled, in a chart: a band with a word, since no line may lead across it.

const GAP_PX = 3;

/** @typedef {[number, number]} Stall  when it began and ended, Unix seconds */

/** @param {any} entry of the feed @returns {Stall} */
export const stallOf = ({ at, seconds }) => [at - seconds, at];

/** @param {any} plot of uPlot @param {Stall[]} stalls @param {string} colour @param {string} font */
export function drawStalls(plot, stalls, colour, font) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = colour;
  ctx.font = font;
  for (const [from, to] of stalls) {
    const [left, right] = [from, to].map((at) => plot.valToPos(at, "x", true));
    if (right < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.globalAlpha = 0.16;
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    ctx.globalAlpha = 1;
    const words = `stalled ${(to - from).toFixed(1)} s`;
    const width = ctx.measureText(words).width + 2 * GAP_PX;
    const fits = left + width < bbox.left + bbox.width;
    ctx.textBaseline = "top";
    ctx.textAlign = fits ? "left" : "right";
    ctx.fillText(words, fits ? left + GAP_PX : right - GAP_PX, bbox.top + GAP_PX);
  }
  ctx.restore();
}
