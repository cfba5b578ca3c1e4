// @ts-check
// The names of a chart's lines next to their ends, one clear of the other. A narrow chart has a key above instead: the page's style decides.

const APART = 1.15;

/**
 * How wide the names are, with the stroke that leads to them.
 * @param {string[]} names @param {string} font
 */
export function gutterOf(names, font) {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return 0;
  context.font = font;
  return Math.ceil(Math.max(...names.map((name) => context.measureText(name).width))) + 14;
}

/**
 * Places for names: as near as can be to where each line ends, in the same order, none over another.
 * @param {number[]} wanted @param {number} apart @param {number} top @param {number} bottom @returns {number[]}
 */
export function spread(wanted, apart, top, bottom) {
  const order = wanted.map((y, index) => ({ y: Math.min(Math.max(y, top), bottom), index })).sort((a, b) => a.y - b.y);
  order.forEach((part, at) => at && (part.y = Math.max(part.y, order[at - 1].y + apart)));
  let limit = bottom;
  for (const part of order.reverse()) {
    part.y = Math.min(part.y, limit);
    limit = part.y - apart;
  }
  const places = Array.from(wanted);
  for (const part of order) places[part.index] = part.y;
  return places;
}

/**
 * Writes each name at the right of its line's last value.
 * @param {any} plot @param {string[]} names @param {(number | null)[][]} columns @param {number} pixels height of the letters @param {string} family
 */
export function nameEnds(plot, names, columns, pixels, family) {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio;
  const lines = columns.map((column, index) => ({ name: names[index], value: column.findLast((part) => part !== null), stroke: plot.series[index + 1]._stroke ?? plot.series[index + 1].stroke() }))
    .filter((line) => line.value !== undefined && line.value !== null);
  const size = pixels * ratio;
  const ends = lines.map((line) => plot.valToPos(line.value, "y", true));
  const places = spread(ends, size * APART, bbox.top + size / 2, bbox.top + bbox.height - size / 2);
  const edge = bbox.left + bbox.width;
  ctx.save();
  ctx.font = `${size}px ${family}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  lines.forEach((line, index) => {
    ctx.strokeStyle = ctx.fillStyle = line.stroke;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(edge + ratio, ends[index]);
    ctx.lineTo(edge + 6 * ratio, places[index]);
    ctx.stroke();
    ctx.fillText(line.name, edge + 10 * ratio, places[index]);
  });
  ctx.restore();
}
