"""The flight recorder in a real browser: what it draws, how it zooms, what it says without the
drawing, what it makes of a file that is no flight.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.patterns.flights import sample_flight
from tests.samples.flights import write

Visit = Callable[..., Page]
ROWS = ".scheme-light section.recorder"

LIVE = """async ([module, operations]) => {
  await import(module);
  const bench = document.createElement("cg-bench");
  const recorder = document.createElement("cg-bench-recorder");
  recorder.append(document.createElement("cg-recorder"));
  bench.append(recorder);
  document.querySelector("main").replaceChildren(bench);
  const tell = (type, detail) => bench.dispatchEvent(new CustomEvent(`feed:${type}`, { detail }));
  tell("endpoint-moved", { endpoint: "primary-endpoint", targets: ["cache-001"], at: 0 });
  tell("endpoint-moved", { endpoint: "reader-endpoint", targets: ["cache-002"], at: 0 });
  let drawn = 0;
  new MutationObserver(() => (drawn += 1)).observe(recorder.querySelector(".recorder-strip"), { childList: true });
  for (let tenth = 0; tenth < 20; tenth += 1) {
    tell("operations-recorded", { began_at: 1000, operations: operations.slice(tenth * 40, tenth * 40 + 40) });
    await new Promise((done) => setTimeout(done, 100));
  }
  await new Promise((done) => setTimeout(done, 300));
  return drawn;
}"""


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, Path]:
    """The made-up flights as files, by kind."""
    return {path.stem.removeprefix("sample-"): path for path in write(tmp_path)}


@pytest.fixture
def opened(visit: Visit, samples: dict[str, Path]) -> Callable[..., Page]:
    """The page of flights with these files opened."""

    def go(*kinds: str, **options: Any) -> Page:
        page = visit("/flights", **options)
        for side, kind in enumerate(kinds):
            page.locator(f"#file-{side}").set_input_files(samples[kind])
        expect(page.locator("svg.strip")).to_have_count(len(kinds))
        return page

    return go


def test_a_flight_says_what_it_came_to_in_figures_and_in_a_sentence(
    opened: Callable[..., Page],
) -> None:
    page = opened("kill")

    results = page.locator(".recorder-results")
    for words in ("2.24 s", "7 of 1,152", "448", "2.06 s"):
        expect(results).to_contain_text(words)
    expect(results).to_contain_text("431 connection refused")
    said = (
        "No write was accepted for 2.24 s. cache-002 was promoted and a primary after 2.06 "
        "s, and the primary endpoint led to cache-002 after 2.19 s. 7 of 1,152 acknowledged "
        "writes were lost, 448 refused."
    )
    expect(page.locator(".recorder-says")).to_contain_text(said)
    expect(page.locator("svg.strip")).to_have_attribute(
        "aria-label", f"cache-001 was killed. {said}"
    )
    expect(page.locator("svg.strip .big")).to_have_text("no write accepted for 2.24 s")


def test_a_flight_that_never_recovers_says_so(opened: Callable[..., Page]) -> None:
    page = opened("no-recovery")

    expect(page.locator("svg.strip .big")).to_have_text("no write accepted to the end")
    expect(page.locator(".recorder-says")).to_contain_text("No server was promoted.")
    expect(page.locator(".recorder-results")).to_contain_text("over 8.0 s")


def test_every_operation_is_in_the_table(opened: Callable[..., Page]) -> None:
    page = opened("kill")

    page.get_by_text("Show as a table").click()
    rows = page.locator("tbody tr").all_inner_texts()

    counts = [line.split("\t") for line in rows]
    assert sum(int(cells[2].replace(",", "")) for cells in counts if cells[3] == "Writes") == len(
        sample_flight("kill")["writes"]
    )
    assert any("acknowledged, then lost" in cells[4] and cells[2] == "7" for cells in counts)
    assert any("+switch-master" in cells[4] for cells in counts)


def test_two_flights_have_one_axis(opened: Callable[..., Page]) -> None:
    page = opened("kill", "fast")

    kills = page.eval_on_selector_all(
        "svg.strip .kill", "lines => lines.map(line => line.getAttribute('x1'))"
    )
    assert len(kills) == 2 and kills[0] == kills[1]
    expect(page.locator(".recorder-title").nth(1)).to_contain_text("2,000 writes a second")


def meeting(page: Page, width: int) -> list[tuple[str, str]]:
    """Words of the strip that overlap each other, or the edge."""
    boxes = page.eval_on_selector_all(
        "svg.strip text.mono, svg.strip .mark-words, svg.strip .big, svg.strip .lost",
        "texts => texts.map(text => { const box = text.getBoundingClientRect(); return "
        "[text.textContent, box.left, box.right, box.top, box.bottom]; })",
    )
    found = [
        (words, "the edge") for words, left, right, _, _ in boxes if left < -1 or right > width + 1
    ]
    for index, (words, left, right, top, bottom) in enumerate(boxes):
        for other, its_left, its_right, its_top, its_bottom in boxes[index + 1 :]:
            if (
                right > its_left + 1
                and its_right > left + 1
                and bottom > its_top + 3
                and its_bottom > top + 3
            ):
                found.append((words, other))
    return found


@pytest.mark.parametrize(
    ("kind", "width"),
    [("split-brain", 1440), ("kill", 1440), ("fast", 700), ("kill", 360), ("split-brain", 360)],
)
def test_no_two_words_meet(opened: Callable[..., Page], kind: str, width: int) -> None:
    page = opened(kind, viewport={"width": width, "height": 900})

    for way in ("Whole flight", "Around the fault", "Closer"):
        page.get_by_role("button", name=way).click()
        assert meeting(page, width) == [], way


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("seed", range(3))
def test_any_number_of_sentinels_words_is_laid_out(visit: Visit, seed: int, width: int) -> None:
    chance = Random(seed)
    said = [
        "+sdown",
        "+odown",
        "+new-epoch",
        "+vote-for-leader",
        "-failover-abort-no-good-slave",
        "+switch-master",
        "+slave-reconf-done",
        "+convert-to-slave",
    ]
    events = [
        [chance.uniform(-1_500, 6_000), f"sentinel-{chance.choice('abc')}", chance.choice(said), ""]
        for _ in range(80)
    ]
    page = visit("/flights", viewport={"width": width, "height": 900})

    page.locator("#file-0").set_input_files(
        {
            "name": "f.json",
            "mimeType": "application/json",
            "buffer": json.dumps({**sample_flight("kill"), "sentinels": events}).encode(),
        }
    )
    page.get_by_role("button", name="Whole flight").click()

    assert meeting(page, width) == []
    expect(page.locator("svg.strip .pin")).to_have_count(80)
    expect(page.locator("svg.strip")).to_contain_text("more in the table")


def test_zoom_by_button_and_by_key(opened: Callable[..., Page]) -> None:
    page = opened("split-brain")
    whole = page.get_by_role("button", name="Whole flight")
    expect(page.get_by_role("button", name="Around the fault")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator("svg.strip")).not_to_contain_text("+25 s")

    whole.press("Enter")
    expect(page.locator("svg.strip")).to_contain_text("+25 s")
    expect(whole).to_have_attribute("aria-pressed", "true")
    strip = page.locator(".recorder-strip")
    strip.focus()
    for _ in range(6):
        strip.press("+")
    expect(page.locator("svg.strip")).to_contain_text("every write its own mark")
    strip.press("Home")
    expect(page.get_by_role("button", name="Around the fault")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_phone_shows_the_seconds_around_the_fault(opened: Callable[..., Page]) -> None:
    page = opened("kill", viewport={"width": 360, "height": 800})

    expect(page.get_by_role("button", name="Around the fault")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator("svg.strip")).not_to_contain_text("+5 s")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: "not JSON", "This file is not JSON"),
        (lambda flight: json.dumps([flight]), "This is not a flight"),
        (lambda flight: json.dumps({**flight, "version": 9}), "written by another version"),
        (lambda flight: json.dumps({**flight, "writes": [[0, 1, "x", 1]]}), "its part “writes”"),
        (lambda flight: json.dumps({**flight, "title": "\u202eevil"}), "its part “title”"),
        (lambda flight: json.dumps({**flight, "results": {}}), "its part “results”"),
        (lambda flight: json.dumps({**flight, "from_ms": 9, "to_ms": 1}), "ends before it begins"),
        (
            lambda flight: json.dumps({**flight, "extra": "x" * 1_100_000}),
            "longer than a flight may be",
        ),
    ],
)
def test_a_file_that_is_no_flight_is_refused_in_words(
    visit: Visit, spoil: Callable[[Any], str], words: str
) -> None:
    page = visit("/flights")

    page.locator("#file-0").set_input_files(
        {
            "name": "f.json",
            "mimeType": "application/json",
            "buffer": spoil(sample_flight("kill")).encode(),
        }
    )

    expect(page.locator("[data-side='0'] [data-problem]")).to_contain_text(words)
    expect(page.locator("svg.strip")).to_have_count(0)


def test_words_in_a_file_are_text(visit: Visit) -> None:
    evil = "<img src=x onerror=alert(1)>"
    flight = {
        **sample_flight("kill"),
        "title": evil,
        "fault": {"verb": evil, "server": evil, "zone": "", "words": evil},
        "marks": [[500, evil]],
        "sentinels": [[100, evil, evil, evil]],
        "moves": [[100, "primary", [evil]]],
    }
    page = visit("/flights")

    page.locator("#file-0").set_input_files(
        {"name": "f.json", "mimeType": "application/json", "buffer": json.dumps(flight).encode()}
    )
    page.get_by_text("Show as a table").click()

    expect(page.locator(".recorder-says")).to_contain_text(evil)
    assert page.locator("cg-recorder img").count() == 0


def test_it_draws_live_at_most_four_times_a_second(visit: Visit) -> None:
    page = visit("/patterns")
    module = page.evaluate(
        "() => document.querySelector('script[src*=\"views/recorder.js\"]').src.replace('recorder.js', "
        "'recorder/bench.js')"
    )
    operations = [
        line
        for index in range(400)
        for line in (
            f"w {index * 5}.0 0.4 {'f' if 100 < index < 300 else 'a'} {index}",
            f"r {index * 5 + 1}.0 0.2 h 0",
        )
    ]

    drawn = page.evaluate(LIVE, [module, operations])

    assert 4 <= drawn <= 10
    strip = page.locator("svg.strip")
    expect(strip).to_contain_text("now")
    expect(strip).to_contain_text("cache-001")
    expect(strip).to_contain_text("connection refused")
    assert page.locator("svg.strip .ops.write").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_flights(
    opened: Callable[..., Page], scheme: str
) -> None:
    page = opened("kill", "split-brain", color_scheme=scheme)
    page.get_by_text("Show as a table").first.click()

    found = Axe().run(page)

    assert [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ] == []
