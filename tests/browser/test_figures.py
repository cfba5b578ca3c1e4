"""A figure of a lesson has the colours of what servers did, and a closed bench shows its drawing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open

LESSON = "/lessons/why-a-cache"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_shapes_of_a_figure_have_the_colour_of_their_meaning(visit: Open, scheme: str) -> None:
    page = visit(LESSON, color_scheme=scheme)
    fill = "shape => getComputedStyle(shape).fill"

    hit, read = (page.locator(f"article .shape.{sense}").first for sense in ("hit", "read"))

    assert hit.evaluate(fill) != read.evaluate(fill)
    assert "rgb(0, 0, 0)" not in (hit.evaluate(fill), read.evaluate(fill))


@pytest.mark.parametrize("width", [1280, 1536, 1920])
def test_a_closed_bench_next_to_a_lesson_shows_its_drawing(visit: Open, width: int) -> None:
    page = visit(LESSON, viewport={"width": width, "height": 800})
    stage = page.locator("cg-bench .stage")
    expect(stage).to_be_visible()

    assert stage.evaluate("stage => stage.scrollHeight <= stage.clientHeight + 1")
