"""Values as a bench shows them: in a link, in a table, on a tile."""

from __future__ import annotations

import math

from labs.events import Value


def plain(value: Value) -> str:
    """A value as it stands in a link."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def figure(value: object, decimals: int) -> str:
    """A number as a tile shows it; a dash where there is none."""
    return (
        f"{value:,.{decimals}f}"
        if isinstance(value, (int, float)) and math.isfinite(value)
        else "–"
    )
