"""Dates as a page says them."""

from __future__ import annotations

import re
from typing import Final

MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)


def in_words(day: str) -> str:
    """2026-11-23 as "23 November 2026", 2026-11 as "November 2026"; empty if it is no date."""
    found = re.fullmatch(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", day)
    if not found or (found[2] and not 1 <= int(found[2]) <= 12):
        return ""
    words = [found[1]]
    if found[2]:
        words.insert(0, MONTHS[int(found[2]) - 1])
    if found[3]:
        words.insert(0, str(int(found[3])))
    return " ".join(words)
