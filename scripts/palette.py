"""Pictures of pages in a palette of 256 colours: a third of the bytes, and no eye sees it.

The browser counts the colours, this writes the file.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Browser

COLOURS = 256
# Cuts the cloud of colours in half where it is widest, until there are enough boxes; the colour of
# a box is the one that most of its pixels have.
INDEX = """async ([source, wanted]) => {
  const bitmap = await createImageBitmap(await (await fetch(source)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
  const counted = new Map();
  for (const pixel of pixels) counted.set(pixel, (counted.get(pixel) ?? 0) + 1);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const boxes = [[...counted].map(([colour, count]) => ({colour, count, rgb: parts(colour)}))];
  const extent = (box) => [0, 1, 2].map((axis) => {
    let low = 255, high = 0;
    for (const {rgb} of box) { low = Math.min(low, rgb[axis]); high = Math.max(high, rgb[axis]); }
    return high - low;
  });
  const weight = (box) => box.length < 2 ? 0 : Math.max(...extent(box)) * Math.log(1 + box.reduce((sum, part) => sum + part.count, 0));
  const weights = [weight(boxes[0])];
  while (boxes.length < wanted) {
    const at = weights.indexOf(Math.max(...weights));
    if (!weights[at]) break;
    const spread = extent(boxes[at]), axis = spread.indexOf(Math.max(...spread));
    const sorted = boxes[at].sort((a, b) => a.rgb[axis] - b.rgb[axis]);
    const middle = (sorted[0].rgb[axis] + sorted[sorted.length - 1].rgb[axis]) / 2;
    const cut = Math.max(1, sorted.findIndex((part) => part.rgb[axis] > middle));
    boxes.splice(at, 1, sorted.slice(0, cut), sorted.slice(cut));
    weights.splice(at, 1, weight(boxes[at]), weight(boxes[at + 1]));
  }
  const palette = [], indexed = new Map();
  boxes.forEach((box, index) => {
    const most = box.reduce((best, part) => (part.count > best.count ? part : best));
    palette.push(...most.rgb);
    for (const part of box) indexed.set(part.colour, index);
  });
  const indices = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) indices[at] = indexed.get(pixels[at]);
  const words = [];
  for (let at = 0; at < indices.length; at += 32768) words.push(String.fromCharCode(...indices.subarray(at, at + 32768)));
  return {width: bitmap.width, height: bitmap.height, palette, indices: btoa(words.join(''))};
}"""


class Palette:
    """Makes small pictures of large ones, in a page of its own."""

    def __init__(self, browser: Browser) -> None:
        self._page = browser.new_page()

    def shrink(self, png: bytes) -> bytes:
        """The same picture with at most 256 colours."""
        found: dict[str, Any] = self._page.evaluate(
            INDEX, [f"data:image/png;base64,{base64.b64encode(png).decode()}", COLOURS]
        )
        width, height = found["width"], found["height"]
        indices = base64.b64decode(found["indices"])
        rows = b"".join(b"\0" + indices[row * width : (row + 1) * width] for row in range(height))
        header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
        small = (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + _chunk(b"PLTE", bytes(found["palette"]))
            + _chunk(b"IDAT", zlib.compress(rows, 9))
            + _chunk(b"IEND", b"")
        )
        return small if len(small) < len(png) else png


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
