"""The drawing shows what was counted, and nothing else: dots by link and meaning, cells for keys,
a load that fails; and it stands still when the last reading is old.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labs.events import (
    CaptionChanged,
    CommandRan,
    Entry,
    LoadChanged,
    LoadFailing,
    MeasuringChanged,
    ReadingTaken,
    ServerChanged,
    encode,
)
from tests.browser.groups import tell
from tests.waiting import eventually

Bench = Callable[..., Page]
RUNS = LoadChanged(running=True, about="4 clients want 60 requests/s")
FAILS = LoadFailing(
    failed=60, ended=60, wanted_per_s=60.0, why='relation "products" does not exist', news=True
)


def keep_telling(page: Page, taken: ReadingTaken, *, until: str) -> None:
    """As if a load had this reading again and again: the bench's own servers have some, too."""

    def is_drawn() -> int:
        tell(page, RUNS, taken)
        page.wait_for_timeout(300)
        return page.locator(until).count()

    eventually(is_drawn)


def test_a_stale_answer_has_its_own_shape_under_load(bench: Bench) -> None:
    page = bench()
    taken = ReadingTaken(readings={}, flows={"cache stale": 40.0, "database read": 4.0})

    keep_telling(page, taken, until="svg.only-wide .dots .dot.stale")
    expect(page.locator("svg.only-wide [data-link=cache] .took")).to_have_text("40/s")
    expect(page.locator("svg.only-wide [data-link=database] .took")).to_have_text("4/s")
    assert page.locator(".dot.hit").count() == 0


def test_a_single_stale_answer_has_it_too(bench: Bench) -> None:
    page = bench()
    tell(
        page,
        CommandRan(
            request=7,
            server="cache",
            command="GET row:42",
            reply='{"id": 42, "version": 1}',
            took_ms=0.2,
            meaning="stale",
        ),
    )

    wire = page.locator("svg.only-wide [data-link=cache]")
    expect(wire).to_have_class("wire live stale")
    expect(wire.locator(".tag")).to_have_text("stale")
    expect(page.locator("svg.only-wide .dots .dot.stale")).to_have_count(1)


def test_cells_are_filled_for_keys_of_that_very_cache(bench: Bench) -> None:
    page = bench("backup-restore")
    # At one moment: a reading of the bench's own servers may come before or after.
    told = [
        ReadingTaken(readings={}, keys={"shop-001": 19_903, "memcached-001": 2}),
        ServerChanged(server="shop-001", state="up", version="7.0.15"),
        ServerChanged(server="memcached-001", state="up", version="1.6.18"),
    ]
    drawn = page.evaluate(
        """(entries) => {
            for (const entry of entries) document.querySelector('cg-bench').dispatchEvent(new CustomEvent(`feed:${entry.type}`, { detail: entry }));
            return Object.fromEntries([...document.querySelectorAll('svg.only-wide .node:has(.slots)')].map((node) =>
                [node.dataset.node, [node.querySelector('.keys').textContent, node.querySelectorAll('.slot').length, node.querySelectorAll('.slot.full').length]]));
        }""",
        [encode(Entry(1, 1.0, event)) for event in told],
    )

    words, cells, full = drawn["shop-001"]
    assert words == " · 19,903 keys"
    assert full == cells > 2
    assert drawn["memcached-001"][2] == 2
    assert drawn["shop-restored-001"][2] == 0


def test_a_load_that_fails_says_so_with_a_way_out_and_it_goes_away(bench: Bench) -> None:
    page = bench(query="?gear=load")
    place = page.locator("[data-failing]")
    expect(place).to_be_hidden()
    before = page.locator("cg-topology").bounding_box()

    tell(page, RUNS, FAILS)

    expect(place).to_contain_text('60 of 60 requests fail: relation "products" does not exist')
    expect(place.get_by_role("button", name="Start afresh")).to_be_visible()
    assert page.locator("cg-topology").bounding_box() == before

    tell(page, ServerChanged(server="cache", state="down", why="killed"))
    restart = place.get_by_role("button", name="Restart cache")
    expect(restart).to_be_visible()

    tell(page, LoadFailing(failed=0, ended=0, wanted_per_s=60.0, news=True))
    expect(place).to_be_hidden()


def test_a_measurement_is_said_in_the_place_of_the_sentence(bench: Bench) -> None:
    page = bench("strategies")
    sentence = page.locator(".says")
    before = page.locator("cg-topology").bounding_box()

    tell(page, MeasuringChanged(running="compare", waiting=[]))

    expect(sentence).to_contain_text("“Compare them” is running.")
    assert page.locator("cg-topology").bounding_box() == before
    tell(page, MeasuringChanged(running="asks-least", waiting=[]))
    expect(sentence).to_contain_text("Your prediction is being measured.")
    tell(page, CaptionChanged(text="The last run is over.", strong="over"))
    expect(sentence).to_contain_text("Your prediction is being measured.")
    tell(page, MeasuringChanged(running="", waiting=[]))
    expect(sentence).to_have_text("The last run is over.")
    expect(sentence.locator("strong")).to_have_text("over")


def test_few_that_fail_of_many_that_are_wanted_are_said_so(bench: Bench) -> None:
    page = bench(query="?gear=load")
    tell(page, RUNS, LoadFailing(failed=2, ended=2, wanted_per_s=60.0, why="timed out"))

    expect(page.locator("[data-failing]")).to_contain_text(
        "2 of 2 requests fail, and 60 are wanted each second: timed out"
    )


def test_a_load_that_stopped_fails_no_longer(bench: Bench) -> None:
    page = bench(query="?gear=load")
    tell(page, RUNS, FAILS, LoadChanged(running=False))

    expect(page.locator("[data-failing]")).to_be_hidden()


@pytest.mark.parametrize("wakes", [True, False])
def test_an_old_reading_is_grey_and_no_dot_travels(bench: Bench, wakes: bool) -> None:
    page = bench()
    taken = ReadingTaken(readings={}, flows={"cache hit": 40.0})
    keep_telling(page, taken, until="svg.only-wide .dots .dot.hit")

    page.clock.install()

    def is_old() -> int:
        """Each time eight seconds later: the bench's own servers may have a reading, too."""
        page.clock.fast_forward(8_000)
        return page.locator("cg-topology[data-old]").count()

    eventually(is_old)
    expect(page.locator(".sampled")).to_contain_text("The last reading is")
    expect(page.locator("svg.only-wide .dots .dot")).to_have_count(0)
    if wakes:
        tell(page, taken)
        expect(page.locator("cg-topology[data-old]")).to_have_count(0)
