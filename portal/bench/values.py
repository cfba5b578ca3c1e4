"""Values as a bench shows them: in a link, in a table, on a tile."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from labs.events import Value


def plain(value: Value) -> str:
    """A value as it stands in a link."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def counted(value: Value) -> str:
    """A value of a check's evidence: a whole number with its thousands, another with six digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"


def met_on(at: float) -> str:
    """When a check was met, in UTC; a script writes it in the reader's own time."""
    try:
        return f"Met on {datetime.fromtimestamp(at, UTC):%d %B %Y at %H:%M} UTC."
    except (ValueError, OverflowError):
        return ""  # a hostile sandbox


def figure(value: object, decimals: int) -> str:
    """A number as a tile shows it; a dash where there is none."""
    return (
        f"{value:,.{decimals}f}"
        if isinstance(value, (int, float)) and math.isfinite(value)
        else "–"
    )
