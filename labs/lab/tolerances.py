"""How near a prediction must come: from repeated runs of its experiment, kept in the lab's folder,
made by `cacheground lab tolerances`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from labs.events import Value

FILE = "tolerances.toml"
SPREADS = 3.0
WIDEST = 0.9


def of(folder: Path) -> Mapping[str, float]:
    """Prediction to tolerance, as a share of what is measured; empty if the lab's folder has none
    yet.
    """
    try:
        data = tomllib.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    return {name: float(table["tolerance"]) for name, table in data.items()}


def tolerance(values: Sequence[Value]) -> float:
    """Three times the widest distance from the median, as a share of it, 0.9 at most.

    What is always the same, or is no number, has none.
    """
    numbers = [float(value) for value in values if not isinstance(value, str)]
    middle = median(numbers) if numbers else 0.0
    return (
        round(min(WIDEST, SPREADS * max(abs(number - middle) for number in numbers) / middle), 3)
        if middle
        else 0.0
    )
