"""A lab's own view and its tables are drawn from rows, the same when they come as events and when
the page begins with them; and nothing in a row becomes markup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labs.events import ServerFiguresChanged, TableChanged, Value
from tests.web.faked_labs import FakedLabs, FakedSandbox

Bench = Callable[..., Page]
Row = dict[str, Value]
EVIL = "<img src=x onerror=alert(1)>"
PAGE: Row = {
    "browser": "first",
    "number": 3,
    "request": f"GET /{EVIL}",
    "status": 200,
    "instance": "B",
    "user": "Mia",
    "login_by": "A",
    "message": EVIL,
    "cart": EVIL,
    "cookie_sent": EVIL,
    "set_cookie": EVIL,
    "headers": EVIL,
    "body": EVIL,
    "took_ms": 2.5,
    "held": False,
    "meaning": "hit",
}
SESSION: Row = {
    "browser": "first",
    "user": "Mia",
    "key": EVIL,
    "value": EVIL,
    "ttl_s": 41.0,
    "where": "Redis",
    "a": "logged in",
    "b": EVIL,
}
BACKUP: Row = {
    "backup": "backup-001",
    "status": "available",
    "keys": 19903,
    "size_kb": 2873.5,
    "sha256": EVIL,
    "digest": "4e52072a",
    "cow_kb": 1020,
    "cow_percent": 10.4,
}
CHANGES: list[Row] = [{"at_s": 0.0, "kept": 6, "gone": 0}, {"at_s": 0.5, "kept": 2, "gone": 4}]
COMPARED: Row = {"what": "shop-restored", "digest": EVIL, "kept": 8, "gone": 4}


@pytest.fixture
def both(bench: Bench, labs_host: FakedLabs) -> Callable[..., Any]:
    """What a check finds on a page that heard the events, and again once it was loaded again."""

    def told(lab: str, check: Callable[[Page], None], *events: Any) -> None:
        page = bench(lab)
        page.wait_for_selector("cg-bench[data-connection=live]")
        sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
        assert sandbox
        for event in events:
            FakedSandbox(labs_host, sandbox).tell(event)
        check(page)
        page.reload()
        check(page)
        assert page.locator("cg-bench img").count() == 0

    return told


def test_the_windows_of_sessions_show_what_the_shop_answered(both: Callable[..., Any]) -> None:
    def check(page: Page) -> None:
        window, line = page.locator("[data-browser=first]"), page.locator("[data-session=first]")
        expect(window.locator("[data-show=instance]")).to_have_text("B")
        expect(window.locator("[data-show=message]")).to_have_text(EVIL)
        expect(window.locator("[data-show=known]")).to_have_text("Logged in as Mia, by A")
        expect(window.locator("[data-show=line]")).to_have_text("3: 200, 2.5 ms")
        expect(window.locator(".address")).to_have_text("http://shop.test/<img")
        expect(line.locator("[data-show=ttl]")).to_have_text("41 s")
        expect(line.locator("[data-show=a] .sense.hit")).to_have_text("logged in")
        expect(line.locator("[data-show=b] .sense.none")).to_have_text(EVIL)
        other = page.locator("[data-browser=second]")
        expect(other.locator("[data-show=message]")).to_have_text("No page is open yet.")
        expect(other.locator("[data-show=known]")).to_have_text("No user is logged in")

    both(
        "sessions",
        check,
        TableChanged(table="browsers", rows=[PAGE]),
        TableChanged(table="sessions", rows=[SESSION]),
    )


def test_a_backup_and_the_moment_of_its_fork_are_drawn(both: Callable[..., Any]) -> None:
    def check(page: Page) -> None:
        view = page.locator("cg-backups")
        expect(view.locator("[data-backups]")).to_have_value("backup-001")
        expect(view.locator("[data-fact=size]")).to_have_text("2,873.5 KB")
        expect(view.locator("[data-fact=copied]")).to_have_text("1,020 KB, 10.4 %")
        expect(view.locator("[data-fact=sha256]")).to_have_text(EVIL)
        expect(view.locator("[data-words]")).to_have_text(
            "8 acknowledged changes are in shop-restored, 4 are gone."
        )
        expect(view.locator("rect.kept")).to_have_count(2)
        expect(view.locator("line.fork")).to_have_attribute("x1", "450")
        expect(view.locator("[data-place=shop-001] [data-line='1']")).to_have_text(EVIL)
        expect(view.locator("[data-place=shop-restored-001] .held")).to_have_text("not there")
        expect(view.locator("[data-asks=shop]")).to_be_visible()
        expect(view.locator("[data-asks=shop-restored]")).to_be_hidden()

    both(
        "backup-restore",
        check,
        TableChanged(table="backups", rows=[BACKUP]),
        TableChanged(table="changes", rows=CHANGES),
        TableChanged(table="marks", rows=[{"mark": "fork", "at_s": 0.75, "backup": "backup-001"}]),
        TableChanged(table="comparison", rows=[COMPARED]),
        ServerFiguresChanged(server="shop-001", lines=["19,903 keys", EVIL]),
    )


def test_a_comparison_is_drawn_as_a_table_and_as_bars(both: Callable[..., Any]) -> None:
    rows: list[Row] = [
        {
            "strategy": name,
            "hit_percent": percent,
            "staleness_edges_ms": "1 2 4",
            "staleness_counts": counts,
        }
        for name, percent, counts in (
            (EVIL, 91.25, "0 3 1 0"),
            ("write-through", 100.0, "0 0 0 5"),
            ("none", 0.0, "0 0 0 0"),
        )
    ]

    def check(page: Page) -> None:
        table = page.locator("cg-table[data-table=comparison]")
        expect(table.locator("tbody tr")).to_have_count(3)
        expect(table.locator("tbody td").first).to_have_text(EVIL)
        expect(table.locator("tbody td.number").first).to_have_text("91.3")
        expect(table.locator(".empty")).to_be_hidden()
        spread = page.locator("[data-distribution] .value")
        expect(spread).to_have_text(["most 1 to 2 ms", "most over 4 ms", "none"])

    both("strategies", check, TableChanged(table="comparison", rows=rows))


def test_a_comparison_without_a_distribution_has_no_figure_of_one(
    both: Callable[..., Any],
) -> None:
    rows: list[Row] = [{"policy": EVIL, "hit_percent": 91.25, "evicted": 3, "refused": 0}]

    def check(page: Page) -> None:
        bars = page.locator("cg-multiples [data-column=hit_percent]")
        expect(bars.locator(".name")).to_have_text(EVIL)
        expect(bars.locator(".value")).to_have_text("91.3")
        expect(page.locator("[data-distribution]")).to_be_hidden()

    both("eviction", check, TableChanged(table="policies", rows=rows))
