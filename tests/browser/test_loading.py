"""A page while it loads: which faces it asks for first, what stands in for one that is late, and
that nothing jumps or is fetched in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route

Open = Callable[..., Page]

LESSON = "/lessons/why-a-cache"
PAGES = {
    "start": "/",
    "lesson": LESSON,
    "labs": "/labs",
    "lab": "/labs/cache-aside",
    "quiz": f"{LESSON}/quiz",
    "you": "/me",
    "flights": "/flights",
    "notes": "/notes",
    "error": "/no-such-page",
}
MONO = "cacheground-mono normal"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
PRELOADED = """() => [...document.querySelectorAll("link[rel=preload][as=font]")]
  .filter((link) => !link.media || matchMedia(link.media).matches)
  .map((link) => link.href.replace(/^.*\\/([a-z]+)-(normal|italic)\\.woff2$/, "cacheground-$1 $2"))
  .sort()"""
USED = """() => {
  const used = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const element = text.parentElement;
    if (!text.data.trim() || element.closest(".visually-hidden, .skip") || !element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const seen = [...range.getClientRects()].some((box) => box.width && box.height
      && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth);
    if (!seen) continue;
    const { fontFamily, fontStyle } = getComputedStyle(element);
    used.add(`${fontFamily.split(",")[0].replaceAll('"', "").replace(/ /g, "-").toLowerCase()} ${fontStyle}`);
  }
  return [...used].sort();
}"""
SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput)
      window.shifts.push([entry.value, entry.sources.map((source) => source.node?.className ?? "").join(" ")]);
  }).observe({ type: "layout-shift", buffered: true });
}"""


def sized(size: str) -> dict[str, Any]:
    width, height = SIZES[size]
    return {"viewport": {"width": width, "height": height}}


def is_meant(kind: str) -> dict[str, bool]:
    """A browser logs the status of an error page."""
    return {"problems_are_meant": kind == "error"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", PAGES)
def test_the_faces_of_the_first_screen_are_preloaded_and_no_others(
    visit: Open, kind: str, size: str
) -> None:
    page = visit(PAGES[kind], **sized(size), **is_meant(kind))
    page.evaluate("() => document.fonts.ready")

    # What stands in for the fixed pitch has its very widths, so it may come later.
    assert page.evaluate(PRELOADED) == [face for face in page.evaluate(USED) if face != MONO]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", PAGES)
def test_nothing_jumps_when_the_faces_come_late(visit: Open, kind: str, size: str) -> None:
    page = visit("/healthz", **sized(size), problems_are_meant=True)
    late: list[Route] = []
    page.route("**/*.woff2", lambda route: late.append(route))
    page.goto(PAGES[kind], wait_until="domcontentloaded")
    page.evaluate(SHIFTS)
    page.wait_for_function(
        "() => performance.getEntriesByName('first-contentful-paint').length > 0"
    )
    before = page.evaluate("() => document.documentElement.scrollHeight")
    for route in late:
        route.continue_()
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    after = page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => "
        "done(document.documentElement.scrollHeight))))"
    )

    assert late
    assert abs(after - before) <= 0.04 * after
    shifts = page.evaluate("() => window.shifts")
    assert sum(value for value, _ in shifts) < 0.02, shifts


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_jumps_while_a_page_loads(visit: Open, kind: str) -> None:
    page = visit(PAGES[kind], **sized("phone"), **is_meant(kind))
    page.evaluate(SHIFTS)
    page.evaluate("() => document.fonts.ready")
    page.wait_for_load_state("networkidle")

    assert page.evaluate("() => window.shifts") == []


@pytest.mark.parametrize("kind", PAGES)
def test_the_browser_has_nothing_to_complain_of(visit: Open, kind: str) -> None:
    page = visit("/healthz", **is_meant(kind))
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.goto(PAGES[kind])
    page.evaluate("() => document.fonts.ready")

    assert [line for line in said if "404" not in line] == []
