"""A console in a real browser: several lines stay several lines, and a transaction is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import unfold

Bench = Callable[..., Page]


def database(page: Page) -> Locator:
    """The console of the database, in front."""
    unfold(page, "Console")
    page.locator(".consoles label", has_text="database").first.click()
    return page.locator(".console-of[data-server=database]")


def test_what_was_pasted_runs_with_its_lines(bench: Bench) -> None:
    page = bench()
    console = database(page)
    line = page.get_by_label("Command for database")
    pasted = "select price -- all\nwhere product_id = 1;"

    line.focus()
    page.keyboard.insert_text(pasted)
    expect(line).to_have_value(pasted)
    line.press("Enter")

    expect(console.locator(".out")).to_have_text(f"database is a fake. It was told: {pasted}")
    expect(console.locator(".line")).to_have_text(f"database> {pasted}")


def test_shift_and_enter_begin_a_line_and_the_arrow_keys_move_before_they_recall(
    bench: Bench,
) -> None:
    page = bench()
    console = database(page)
    line = page.get_by_label("Command for database")
    at_rest = line.bounding_box()

    line.press_sequentially("select 1")
    line.press("Shift+Enter")
    line.press_sequentially("from x")
    grown = line.bounding_box()
    line.press("ArrowUp")
    expect(line).to_have_value("select 1\nfrom x")
    line.press("Enter")
    expect(console.locator(".turn")).to_have_count(1)
    expect(line).to_have_value("")
    line.press("ArrowUp")
    expect(line).to_have_value("select 1\nfrom x")
    line.press("ArrowUp")
    expect(line).to_have_value("select 1\nfrom x")
    line.press("ArrowDown")
    line.press("ArrowDown")
    expect(line).to_have_value("")

    assert at_rest is not None and grown is not None
    assert grown["height"] > at_rest["height"]
    assert line.bounding_box()["height"] == at_rest["height"]  # type: ignore[index]  # it is there


def test_completion_keeps_the_lines_around_it(bench: Bench) -> None:
    page = bench()
    unfold(page, "Console")
    line = page.get_by_label("Command for cache")

    line.fill("PING\nGETD\nPING")
    line.evaluate("(field) => field.setSelectionRange(9, 9)")
    line.press("Tab")

    expect(line).to_have_value("PING\nGETDEL \nPING")


def test_a_long_table_scrolls_in_the_console_and_not_the_page(bench: Bench) -> None:
    page = bench(viewport={"width": 360, "height": 800})
    console = database(page)
    line = page.get_by_label("Command for database")

    line.fill("x" * 300)
    line.press("Enter")

    expect(console.locator(".turn")).to_have_count(1)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
    assert console.locator("pre").evaluate("(log) => log.scrollWidth > log.clientWidth")


@pytest.mark.parametrize("lab", ["cache-aside", "failover"])
@pytest.mark.parametrize("gear", ["step", "load", "break"])
def test_nothing_lies_over_a_console(bench: Bench, lab: str, gear: str) -> None:
    page = bench(lab, f"?gear={gear}", viewport={"width": 1280, "height": 800})

    unfold(page, "Console")
    line = page.locator(".console-of:visible textarea")
    line.evaluate("(field) => field.scrollIntoView({ block: 'center' })")

    assert line.evaluate(
        """(field) => {
          const { left, bottom } = field.closest(".consoles").getBoundingClientRect();
          const { top } = field.getBoundingClientRect();
          return document.elementFromPoint(left + 30, (top + bottom) / 2).closest(".consoles") !== null;
        }"""
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_an_open_transaction_is_in_the_prompt_and_in_the_drawing(bench: Bench, width: int) -> None:
    page = bench(viewport={"width": width, "height": 900})
    page.wait_for_function("() => document.querySelector('cg-bench').dataset.connection === 'live'")
    console = database(page)
    line = page.get_by_label("Command for database")
    prompt = console.locator("form .prompt")
    drawn = page.locator("svg.topology:visible [data-node=database] .why")

    line.fill("begin")
    line.press("Enter")
    expect(prompt).to_have_text("database=*>")
    expect(drawn).to_contain_text("open transaction")
    expect(page.locator("[data-tells=database]")).to_contain_text("has an open transaction")
    page.reload()
    expect(prompt).to_have_text("database=*>")
    expect(drawn).to_contain_text("open transaction")

    database(page)
    line.fill("rollback")
    line.press("Enter")

    expect(prompt).to_have_text("database>")
    expect(drawn).to_have_text("")
    expect(console.locator(".line").last).to_have_text("database=*> rollback")


def test_several_lines_run_without_scripts(bench: Bench) -> None:
    page = bench()
    action = page.locator(".console-of[data-server=database] form").get_attribute("action")
    plain = page.context.browser.new_context(  # type: ignore[union-attr]  # it was launched
        java_script_enabled=False,
        base_url=page.url.split("/labs/")[0],
        storage_state=page.context.storage_state(),
    )
    still = plain.new_page()
    still.goto("/labs/cache-aside")
    database(still)

    still.get_by_label("Command for database").fill("begin\nwork")
    still.locator(f"form[action='{action}']").get_by_role("button", name="Run").click()

    expect(still.locator(".console-of[data-server=database] .out")).to_contain_text("begin\nwork")
    plain.close()
