"""The stories of the pages: the course, lessons, the learner’s own page, errors."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

from scripts.photographs.camera import (
    Photographer,
    close_bench,
    open_bench,
    press,
    press_until_asked,
)

LESSON = "/lessons/cache-aside-in-code"
BENCH = "/labs/cache-aside"


def course(camera: Photographer, context: BrowserContext) -> None:
    """The table of contents, as a stranger sees it."""
    page = context.new_page()
    page.goto("/")
    camera.take(page, "course-new")


def lessons(camera: Photographer, context: BrowserContext) -> None:
    """The lessons with a bench in the middle of a request; then the course that remembers it."""
    page = context.new_page()
    page.goto("/lessons/why-a-cache")
    camera.take(page, "lesson-1-closed")
    open_bench(page, LESSON)
    press_until_asked(page)
    camera.take(page, "lesson-3-step", sizes=("wide",))
    camera.take(page, "lesson-3-bench", sizes=("phone",), phone_of="cg-bench")
    camera.take(page, "lesson-3-text", sizes=("phone",))
    press(page, "Run to the end")
    card = page.locator("#predict-cache-aside-ten-reads")
    card.get_by_label("Your number").fill("10")
    press(page, "Commit and run")
    card.locator(".measured-here").wait_for()
    card.scroll_into_view_if_needed()
    camera.take(page, "lesson-3-measured", sizes=("wide",))
    page.goto("/")
    camera.take(page, "course-begun")
    page.goto("/labs")
    camera.take(page, "labs-open")
    page.goto("/glossary")
    camera.take(page, "glossary")
    page.goto("/labs/database-relief")
    camera.take(page, "bench-taken", sizes=("wide",), schemes=("light",))
    close_bench(page, BENCH)


def more_lessons(camera: Photographer, context: BrowserContext) -> None:
    """The lessons that stand in no other story."""
    page = context.new_page()
    for number, slug in (
        (4, "caching-patterns"),
        (5, "invalidation-and-staleness"),
        (6, "session-store"),
        (7, "redis-high-availability"),
        (8, "redis-durability-and-backup"),
        (11, "security"),
    ):
        page.goto(f"/lessons/{slug}")
        camera.take(page, f"lesson-{number}", sizes=("wide",))


def accounts(camera: Photographer, context: BrowserContext) -> None:
    """Who one is, and the way to another browser."""
    page = context.new_page()
    page.goto("/me")
    camera.take(page, "me-stranger", sizes=("wide",), schemes=("light",))
    page.goto(LESSON)
    press(page, "I have read it")
    page.goto("/me")
    press(page, "Make a link")
    link = page.get_by_label("Your link").input_value()
    camera.take(page, "me-link")
    other = camera.learner()
    there = other.new_page()
    there.goto(link)
    camera.take(there, "recover-here")
    other.close()


def others(camera: Photographer, context: BrowserContext) -> None:
    """Every component, and what is not there."""
    page = context.new_page()
    page.goto("/patterns")
    camera.take(page, "patterns-top")
    page.goto("/labs/no-such-lab")
    camera.take(page, "error-404")
    page.goto(f"{BENCH}?ttl_s=0")
    camera.take(page, "error-link", sizes=("wide",), schemes=("light",))
