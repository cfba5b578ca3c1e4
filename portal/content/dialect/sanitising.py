"""What markup may come out of a lesson's text, whatever came in."""

from __future__ import annotations

import re

import nh3
from markupsafe import Markup

_TAGS = set(
    "p h2 h3 h4 ul ol li strong em code pre blockquote br hr a span i small div table thead "
    "tbody tr th td sup dfn details summary".split()
)
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"class", "href", "id", "aria-label", "data-figure", "data-means"},
    "h2": {"id"},
    "h3": {"id"},
    "li": {"id"},
    "i": {"class", "aria-hidden"},
    "pre": {"class", "tabindex"},
    "ol": {"class", "start"},
    "th": {"class", "align"},
    "td": {"class", "align"},
}


def _keep(tag: str, name: str, value: str) -> str | None:
    if name == "id" and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
        return None
    return value


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    attribute_filter=_keep,
    url_schemes={"https"},
    link_rel=None,
    strip_comments=True,
)


def clean(html: str) -> Markup:
    """The markup with everything removed that a lesson's text may not have."""
    return Markup(_cleaner.clean(html))
