"""The lessons' own drawings: SVG from the repository, put into the page as it stands.

Refuses what could run or load anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

ELEMENTS = frozenset(
    "svg g title desc defs path rect circle ellipse line polyline polygon text tspan marker "
    "clipPath pattern use symbol".split()
)


class BadFigure(Exception):
    """The drawing holds something that may not be in a page; the text says what."""


def read_figure(path: Path, alt: str) -> Markup:
    """The drawing as markup with `alt` for readers who can't see it; BadFigure if it may not be."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadFigure("cannot be read") from None
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL) or "<?" in text.removeprefix(
        '<?xml version="1.0" encoding="UTF-8"?>'
    ):
        raise BadFigure("has a doctype or a processing instruction")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise BadFigure(f"is not well-formed: {exc}") from None
    if _name(root.tag) != "svg":
        raise BadFigure("does not begin with <svg>")
    if not root.get("viewBox"):
        raise BadFigure("has no viewBox")
    for element in root.iter():
        name = _name(element.tag)
        if name not in ELEMENTS:
            raise BadFigure(f"has a <{name}>")
        for attribute, value in element.attrib.items():
            _check_attribute(name, _name(attribute).lower(), value)
    text = re.sub(r"<\?xml[^>]*\?>|<!--.*?-->", "", text, flags=re.DOTALL)
    opening, rest = text.strip().split(">", 1)
    opening = re.sub(r"\s(role|aria-label|aria-labelledby)=(\"[^\"]*\"|'[^']*')", "", opening)
    return Markup(opening) + Markup(' role="img" aria-label="{}">').format(alt) + Markup(rest)


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _check_attribute(element: str, attribute: str, value: str) -> None:
    if attribute.startswith(("on", "hx-", "data-hx")) or attribute == "style":
        raise BadFigure(f"has {attribute}= on a <{element}>")
    if attribute in ("href", "src") and not value.startswith("#"):
        raise BadFigure(f"points to {value[:40]!r}, outside of itself")
    if re.search(r"url\(\s*['\"]?(?!#)", value, re.IGNORECASE) or "javascript:" in value.lower():
        raise BadFigure(f"loads something in {attribute}= of a <{element}>")
