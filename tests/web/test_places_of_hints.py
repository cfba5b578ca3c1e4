"""A hint says where a control is: there the page has it, on the bench of every lab."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from labs.catalogue import catalogue
from labs.lab import Lab
from labs.lab.layout import END, MORE, Spot, spots_of
from tests.web.faked_labs import FakedLabs


@pytest.mark.parametrize("lab", catalogue().values(), ids=lambda lab: lab.id)
def test_every_control_is_where_hints_say_it_is(
    client: FlaskClient,
    labs_host: FakedLabs,
    learner_of: Callable[[FlaskClient], str],
    lab: Lab,
) -> None:
    client.post(f"/labs/{lab.id}/sandbox")
    labs_host.opened(learner_of(client))
    page = client.get(f"/labs/{lab.id}").text

    controls = [*lab.controls, *lab.actions, *lab.requests]
    labels = [*(one.label for one in controls), "Start the load", "Start afresh", "Console"]
    found = [(label, spot) for label in labels for spot in spots_of(lab, label)]

    assert found
    missing = [
        (label, spot) for label, spot in found if str(escape(label)) not in part_of(page, spot)
    ]
    assert missing == []
    assert str(escape(lab.view)) in page


def part_of(page: str, spot: Spot) -> str:
    """The part of a page in which a spot is."""
    row, fold, look, end = (
        page.index(mark)
        for mark in ('<div class="act">', '<details class="fold more">', 'class="look"', "drawers")
    )
    if spot.panel == END:
        return page[end:]
    if spot.panel is None:
        return of_tab(page[row:fold], spot)
    if spot.panel == MORE:
        folded = page[fold:look]
        if spot.tab is None:
            return folded[folded.index('<div class="gear shared">') :]
        return of_tab(folded, spot)
    return page[look:end]


def of_tab(part: str, spot: Spot) -> str:
    """What belongs to the tab of a spot."""
    pieces = part.split('data-gear-panel="')
    return "".join(piece for piece in pieces if piece.startswith(f'{spot.tab}"'))
