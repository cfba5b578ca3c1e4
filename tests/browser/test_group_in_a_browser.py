"""The drawing of a replication group moves with the events, has room for its words, and keeps still
where that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labs.events import EndpointMoved, LinkChanged, ReadingTaken, RoleChanged, ServerChanged
from tests.browser.conftest import Open
from tests.browser.groups import FLOWN, site, tell, visit_group

__all__ = ["site", "visit_group"]


def test_the_crown_moves_along_its_path_and_then_is_there(visit_group: Callable[..., Page]) -> None:
    page = visit_group()
    tell(
        page,
        ServerChanged(server="cache-001", state="down", why="killed"),
        RoleChanged(server="cache-002", role="primary"),
    )

    tell(page, EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]))

    expect(page.locator("svg.only-wide .moving")).to_have_count(1)
    expect(page.locator("svg.only-wide .moving")).to_have_count(0)
    expect(page.locator("svg.only-wide [data-node=cache-002] .rank")).to_be_visible()
    expect(page.locator("[data-tells-endpoint=primary-endpoint]")).to_have_text(
        "primary endpoint: to cache-002"
    )
    expect(page.locator("[data-tells=cache-001]")).to_have_text(
        "cache-001, Redis 7.0.15: is down: killed"
    )


def test_nothing_moves_where_no_motion_is_wanted(visit_group: Callable[..., Page]) -> None:
    page = visit_group(reduced_motion="reduce")
    tell(
        page,
        ServerChanged(server="cache-001", state="down"),
        RoleChanged(server="cache-002", role="primary"),
        EndpointMoved(endpoint="primary-endpoint", targets=["cache-002"]),
    )
    tell(page, FLOWN)

    expect(page.locator("svg.only-wide [data-link=to-primary] .took")).to_have_text("200/s")
    assert page.evaluate("() => document.getAnimations().length") == 0
    expect(page.locator("svg.only-wide [data-node=cache-002] .rank")).to_be_visible()


def test_dots_go_through_the_endpoint_to_the_primary_and_say_that_they_are_a_sample(
    visit_group: Callable[..., Page],
) -> None:
    page = visit_group()
    tell(page, FLOWN)

    expect(page.locator(".sampled")).to_have_text(
        "Dots are a sample, about 1 of 50; the numbers are exact."
    )
    lead = page.locator(
        'svg.only-wide [data-link="primary-endpoint to cache-001"] .link'
    ).get_attribute("d")
    begins = "(text) => (text.match(/[0-9.]+/g) ?? []).slice(0, 2).join()"
    page.wait_for_function(
        "(d) => [...document.querySelectorAll('svg.only-wide .dot.write')].some((dot) => "
        f"({begins})(dot.style.offsetPath) === ({begins})(d))",
        arg=lead,
    )
    expect(page.locator("svg.only-wide .dot.hit").first).to_be_attached()
    tell(page, LinkChanged(link="zone a", state="cut"))
    assert page.locator('.dots [data-on="primary-endpoint to cache-001"]').count() == 0
    tell(page, ReadingTaken(readings={"flight_writes_per_s": 0.0}))
    expect(page.locator(".sampled")).to_be_empty()
    expect(page.locator("svg.only-wide .dot")).to_have_count(0)


@pytest.mark.parametrize("width", [345, 360, 640, 768, 1024, 1440])
def test_every_word_of_a_group_has_room_and_can_be_read(visit: Open, width: int) -> None:
    page = visit("/patterns", viewport={"width": width, "height": 900})

    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    small, outside = page.evaluate("""() => {
        const small = [], outside = [];
        for (const svg of document.querySelectorAll('.scheme-light svg.group')) {
            if (!svg.getClientRects().length) continue;
            const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            for (const text of svg.querySelectorAll('text')) {
                if (!text.textContent.trim() || !text.getClientRects().length) continue;
                for (const part of [text, ...text.querySelectorAll('tspan')]) if (parseFloat(getComputedStyle(part).fontSize) * scale < 11) small.push(part.textContent);
                const box = (text.closest('.node, .plate')?.querySelector('rect') ?? svg).getBoundingClientRect();
                const words = text.getBoundingClientRect();
                if (words.left < box.left || words.right > box.right) outside.push(text.textContent.trim());
            }
        }
        return [small, outside];
    }""")

    assert not outside
    assert not small
