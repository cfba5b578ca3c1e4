"""Fragments that are rendered once for each app and kept as markup, with gaps for what differs from
one request to the next.

A fragment belongs here only if all that it depends on is its key or a gap: nothing here is ever
thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable

from flask import current_app
from markupsafe import Markup, escape

KEY = "cacheground.once"
_GAP = re.compile("\x02([a-z0-9]+)\x03")


def gap(name: str) -> Markup:
    """What a template is given where `Fragment.fill` will put the value of this name."""
    return Markup(f"\x02{name}\x03")


class Fragment:
    """Rendered markup, cut at its gaps."""

    def __init__(self, html: str) -> None:
        self._pieces = _GAP.split(html)

    def fill(self, **values: object) -> Markup:
        """The markup with these values in its gaps, escaped."""
        pieces = self._pieces.copy()
        pieces[1::2] = [escape(values[name]) for name in pieces[1::2]]
        return Markup("".join(pieces))


def once(key: Hashable, render: Callable[[], str]) -> Fragment:
    """The fragment of this key, rendered when it is first asked for."""
    kept: dict[Hashable, Fragment] = current_app.extensions.setdefault(KEY, {})
    if key not in kept:
        kept[key] = Fragment(render())
    return kept[key]
