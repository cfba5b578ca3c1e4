"""Points of an SVG path, for tests of where it goes."""

from __future__ import annotations

import itertools
import re


def along(path: str, steps: int = 100) -> list[tuple[float, float]]:
    """Points of a path, so many in each of its parts."""
    assert re.fullmatch(r"[MLHVCQ0-9.\- ]+", path), path
    points: list[tuple[float, float]] = []
    for letter, text in re.findall(r"([MLHVCQ])([^MLHVCQ]*)", path):
        n = [float(number) for number in text.split()]
        x, y = points[-1] if points else (n[0], n[1])
        curve = {
            "M": [(x, y)],
            "L": [(x, y), (n[0], n[-1])],
            "H": [(x, y), (n[0], y)],
            "V": [(x, y), (x, n[0])],
        }.get(letter) or [(x, y), *zip(n[::2], n[1::2], strict=True)]
        points += [bezier(curve, step / steps) for step in range(steps + 1)]
    return points


def bezier(points: list[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(points) > 1:
        points = [
            (x1 + (x2 - x1) * t, y1 + (y2 - y1) * t)
            for (x1, y1), (x2, y2) in itertools.pairwise(points)
        ]
    return points[0]
