"""The flight recorder on the bench of a lab: flights that were kept, one that is flown now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from labs.events import RecordSaved, ServerChanged
from portal.patterns.flights import sample_flight
from tests.web.faked_labs import FakedLabs, FakedSandbox

Visit = Callable[..., Page]


def answering(flight: dict[str, Any]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=flight)


@pytest.fixture
def failover(bench: Visit, labs_host: FakedLabs) -> Callable[..., tuple[Page, FakedSandbox]]:
    """The bench of the lab failover, whose flights are made up."""

    def go(query: str = "?gear=break", **options: Any) -> tuple[Page, FakedSandbox]:
        page = bench("failover", query, **options)
        for name, kind in (("flight-1", "kill"), ("flight-2", "fast")):
            page.route(f"**/records/{name}.json", answering(sample_flight(kind)))
        page.wait_for_function(
            "() => document.querySelector('cg-bench').dataset.connection === 'live'"
        )
        return page, FakedSandbox(
            labs_host, page.locator("cg-bench").get_attribute("data-sandbox") or ""
        )

    return go


def kept(sandbox: FakedSandbox, kind: str, name: str) -> None:
    flight = sample_flight(kind)
    sandbox.tell(
        RecordSaved(
            record=name,
            title=flight["title"],
            results={
                "downtime_ms": flight["results"]["downtime_ms"],
                "lost": flight["results"]["lost"],
            },
        )
    )


def test_a_flight_that_was_kept_is_shown_and_another_lies_beside_it(
    failover: Callable[..., tuple[Page, FakedSandbox]],
) -> None:
    page, sandbox = failover()
    recorder = page.locator("cg-bench-recorder")
    expect(recorder).to_contain_text("No flight yet. Start the writer, then kill the primary")

    kept(sandbox, "kill", "flight-1")
    expect(recorder.locator("input[name=look][value=flight-1]")).to_be_checked()
    expect(recorder.locator(".recorder-results")).to_contain_text("7 of 1,152")
    kept(sandbox, "fast", "flight-2")
    expect(recorder.locator("input[name=look][value=flight-2]")).to_be_checked()
    expect(recorder.locator(".recorder-results")).to_contain_text("70 of 12,920")
    recorder.locator("input[name=beside][value=flight-1]").check()

    expect(recorder.locator("svg.strip")).to_have_count(2)
    page.reload()
    expect(recorder.locator("input[name=look][value=flight-2]")).to_be_checked()


def test_a_view_whose_script_comes_late_misses_nothing(
    failover: Callable[..., tuple[Page, FakedSandbox]],
) -> None:
    page, sandbox = failover()
    held: list[Route] = []
    page.route("**/js/views/recorder/bench.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    page.wait_for_function("() => customElements.get('cg-bench')")

    kept(sandbox, "kill", "flight-1")
    page.wait_for_timeout(500)  # a feed that had begun would have brought it by now
    held[0].continue_()

    expect(page.locator(".recorder-results")).to_contain_text("7 of 1,152")


def test_a_view_whose_script_comes_after_the_feed_misses_nothing(
    failover: Callable[..., tuple[Page, FakedSandbox]],
) -> None:
    page, sandbox = failover()
    held: list[Route] = []
    page.route("**/js/views/recorder/bench.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    page.wait_for_function(
        "() => document.querySelector('cg-bench')?.dataset.connection === 'live'"
    )

    kept(sandbox, "kill", "flight-1")
    expect(page.locator(".timeline")).to_contain_text(sample_flight("kill")["title"])
    held[0].continue_()

    expect(page.locator(".recorder-results")).to_contain_text("7 of 1,152")


def test_a_new_fault_is_watched_live(failover: Callable[..., tuple[Page, FakedSandbox]]) -> None:
    page, sandbox = failover()
    kept(sandbox, "kill", "flight-1")
    expect(page.locator("input[name=look][value=flight-1]")).to_be_checked()

    sandbox.tell(ServerChanged(server="cache-002", state="down", why="kill -9"))

    expect(page.locator("input[name=look][value='']")).to_be_checked()
    expect(page.locator("svg.strip")).to_contain_text("now")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_on_the_wall_it_is_one_screen(
    failover: Callable[..., tuple[Page, FakedSandbox]], width: int, height: int
) -> None:
    page, sandbox = failover(
        "?gear=break&view=projector", viewport={"width": width, "height": height}
    )
    kept(sandbox, "kill", "flight-1")

    expect(page.locator("cg-recorder .recorder-results")).to_be_in_viewport()
    expect(page.locator("cg-recorder svg.strip")).to_be_in_viewport()
    assert page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    ) == [width, height]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_bench_with_flights(
    failover: Callable[..., tuple[Page, FakedSandbox]], scheme: str
) -> None:
    page, sandbox = failover(color_scheme=scheme)
    kept(sandbox, "kill", "flight-1")
    expect(page.locator(".recorder-results")).to_be_visible()

    found = Axe().run(page)

    assert [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ] == []
