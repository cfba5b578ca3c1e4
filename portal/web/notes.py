"""Words for the next page that a browser opens, after a form without a script.

They travel in a cookie, so the newest few are kept: a browser refuses a large one.
"""

from __future__ import annotations

from flask import flash, session

KEPT = 3
_FLASHES = "_flashes"
"""Where Flask keeps them."""


def say_next(message: str, category: str) -> None:
    """Show this on the next page, with at most two of the notes that no page has shown yet."""
    flash(message, category)
    session[_FLASHES] = session[_FLASHES][-KEPT:]
