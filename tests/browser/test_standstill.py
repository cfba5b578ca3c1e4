"""Sentinels in TILT mode and stalls of the machine, as a bench and a flight show them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labs.events import Event, MachineStalled, ReadingTaken, SettingChanged, TiltChanged
from portal.patterns.flights import sample_flight
from tests.browser.groups import site, tell, visit_group

__all__ = ["site", "visit_group"]

SENTINELS = ("sentinel-a", "sentinel-b", "sentinel-c")
Visit = Callable[..., Page]


def tilted(*names: str) -> tuple[Event, ...]:
    """Each of these has half a minute left. The events are those of the first second of 1970."""
    return tuple(TiltChanged(sentinel=name, left_s=time.time() + 27.0) for name in names)


@pytest.mark.parametrize("live", [False, True], ids=["at-once", "by-an-event"])
def test_each_sentinel_in_tilt_mode_counts_down_and_a_line_says_until_when(
    visit_group: Visit, live: bool
) -> None:
    events = tilted(*SENTINELS)
    page = visit_group(*(() if live else events))
    if live:
        tell(page, *events)

    words = page.locator("svg.only-wide .sentinel-words")
    for place in range(3):
        expect(words.nth(place)).to_have_text(re.compile(r"^TILT mode, \d+ s left$"))
    first = words.first.text_content()
    expect(words.first).not_to_have_text(first or "")
    line = page.locator("[data-tilt-line]")
    expect(line).to_contain_text(
        re.compile(r"^The sentinels are in TILT mode until \d\d:\d\d:\d\d: they stood still")
    )
    expect(line).to_contain_text("They start no failover before that.")
    expect(line).to_contain_text("ElastiCache")
    expect(page.locator("cg-topology li").nth(3)).to_contain_text("in TILT mode until")

    tell(page, *(TiltChanged(sentinel=name, left_s=0.0) for name in SENTINELS))
    expect(line).to_be_hidden()
    expect(words.first).to_have_text("")


def test_one_sentinel_in_tilt_mode_leaves_enough_unless_all_must_agree(visit_group: Visit) -> None:
    page = visit_group(*tilted("sentinel-b"))

    line = page.locator("[data-tilt-line]")
    expect(line).to_contain_text(re.compile(r"^sentinel-b is in TILT mode until"))
    expect(line).to_contain_text("The other sentinels are enough to start a failover.")
    tell(page, SettingChanged(name="quorum", label="Quorum", value="3", shown="3"))
    expect(line).to_contain_text("before that")


def test_the_line_does_not_move_the_drawing(visit_group: Visit) -> None:
    page = visit_group()
    svg = page.locator("svg.group.only-wide")
    before = svg.bounding_box()

    tell(page, *tilted(*SENTINELS))
    expect(page.locator("[data-tilt-line]")).to_be_visible()

    assert svg.bounding_box() == before


def test_a_stall_breaks_the_lines_of_a_chart(visit: Visit) -> None:
    page = visit("/labs/cache-aside")
    page.route("**/state?history=1", lambda route: route.fulfill(json={}))
    page.get_by_role("button", name="Open the bench").click()
    page.wait_for_selector("cg-chart:defined", state="attached")
    for event in (
        ReadingTaken(readings={"hit_rate_percent": 90.0}),
        MachineStalled(seconds=4.1),
        ReadingTaken(readings={"hit_rate_percent": 91.0}),
    ):
        tell(page, event)

    found: dict[str, Any] = page.evaluate(
        """() => {
            const chart = document.querySelector('cg-chart[data-series*=hit_rate]');
            const values = chart.data[chart.names.indexOf('hit_rate_percent') + 1];
            return { stalls: chart.stalls, values: values.filter((_, row) => chart.data[0][row] === 1) };
        }"""
    )
    assert found["values"] == [90.0, None, 91.0]
    assert found["stalls"] == [[1.0 - 4.1, 1.0]]


def test_a_flight_says_that_sentinels_were_in_tilt_mode(visit: Visit, tmp_path: Path) -> None:
    flight = sample_flight("kill")
    flight["results"] |= {"tilt_ms": 21_300.0, "stalled_ms": 4_100.0}
    flight["marks"] = [*flight["marks"], [-1_500.0, "3 sentinels in TILT mode"]]
    file = tmp_path / "flight.json"
    file.write_text(json.dumps(flight))
    page = visit("/flights")

    page.locator("#file-0").set_input_files(file)

    said = page.locator(".recorder-says")
    expect(said).to_contain_text("Sentinels were in TILT mode for 21.3 s of it")
    expect(said).to_contain_text("The machine stalled for 4.1 s of it")
    expect(page.locator(".recorder-results")).to_contain_text("with sentinels in TILT mode")
    expect(page.locator("svg.strip")).to_contain_text("3 sentinels in TILT mode")
