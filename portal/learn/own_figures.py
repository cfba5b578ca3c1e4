"""Next to a figure that a lesson quotes: what this learner has measured of the same quantity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from labs.client import catalogue
from labs.events import Value
from labs.lab import Lab
from portal.content.numbers import show
from portal.web.history import history, proofs

QUOTED = re.compile(r'<a class="measured" data-figure="([^"]+)"[^>]*>[^<]*</a>')

OwnFigures = Mapping[str, str]
"""What a learner has measured, as the page shows it, by `lab.figure`."""


Quoted = Mapping[str, list[str]]
"""The names of the figures that a text quotes, by their lab."""


def quoted_in(pieces: Iterable[object]) -> Quoted:
    """The figures that the pieces of a lesson quote."""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    wanted: dict[str, list[str]] = {}
    for found in QUOTED.finditer(text):
        lab, _, name = found[1].partition(".")
        wanted.setdefault(lab, []).append(name)
    return wanted


def own_figures(wanted: Quoted) -> OwnFigures:
    """Of these figures, those that the learner has measured."""
    known, benches = catalogue(), history().figures
    return {
        f"{lab}.{name}": show(name, value)
        for lab, names in wanted.items()
        if lab in known
        for name, value in {**benches.get(lab, {}), **_proved(known[lab], names)}.items()
        if name in names
    }


def with_own(text: Markup, own: OwnFigures) -> Markup:
    """The text with each measured figure followed by the learner's own, where there is one."""

    def add(found: re.Match[str]) -> str:
        mine = own.get(found[1])
        return (
            f'{found[0]} <small class="own">(yours: {escape(mine)})</small>' if mine else found[0]
        )

    return Markup(QUOTED.sub(add, text))


def _proved(lab: Lab, names: list[str]) -> dict[str, float]:
    sources = {name: lab.ending.quoted[name] for name in names if name in lab.ending.quoted}
    if not sources:
        return {}
    guesses = history().predictions.get(lab.id, {})
    proved = proofs(lab.id) if any("." in source for source in sources.values()) else {}
    found: dict[str, Value | None] = {}
    for name, source in sources.items():
        check, _, value = source.partition(".")
        if value:
            found[name] = proved[check].evidence.get(value) if check in proved else None
        elif source in guesses:
            found[name] = guesses[source].measured
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
