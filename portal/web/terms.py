"""The filter `terms` of templates: the first use of each term of the glossary in a text of a page
becomes a link that carries the definition.
"""

from __future__ import annotations

from flask import Flask, g
from markupsafe import Markup, escape

from portal.content.dialect.terms import attributes
from portal.web.services import course

LINK = Markup('<a class="{}" href="{}" data-means="{}">{}</a>')


def install(app: Flask) -> None:
    """Give templates the filter."""
    app.jinja_env.filters["terms"] = terms


def terms(text: str, place: object = "") -> Markup:
    """The plain text, escaped, with the terms as links that this page has not shown yet.

    What stands between “ and ” is the name of something on the page and stays as it is. Each
    `place` of a page has first uses of its own: of the steps of a guide one is in sight at a time.
    """
    shown = _shown(place)
    done, past = Markup(), 0
    for start, end, entry in course().glossary.find(text):
        if entry.term in shown or text.count("“", 0, start) > text.count("”", 0, start):
            continue
        shown.add(entry.term)
        done += escape(text[past:start])
        done += LINK.format(*attributes(entry).values(), text[start:end])
        past = end
    return done + escape(text[past:])


def _shown(place: object) -> set[str]:
    """The terms that this place of this page has shown."""
    places: dict[object, set[str]] = g.setdefault("terms_shown", {})
    return places.setdefault(place, set())
