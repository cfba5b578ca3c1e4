"""The bench as a learner meets it: it moves by itself, it heals, it can be used by keyboard and
without a script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from labs.events import CaptionChanged, NoteAdded, ServerChanged
from labs.host.record import Limits
from tests.browser.conftest import WebServer, unfold
from tests.web.faked_labs import FakedLabs, FakedSandbox

Bench = Callable[..., Page]


def sandbox_on(page: Page, labs: FakedLabs) -> FakedSandbox:
    sandbox = page.locator("cg-bench").get_attribute("data-sandbox")
    assert sandbox
    return FakedSandbox(labs, sandbox)


def step_to_the_read(page: Page) -> None:
    page.get_by_role("button", name="Start a request").click()
    go_on_to_the_read(page)


def test_a_step_lights_the_line_and_sends_a_dot(bench: Bench) -> None:
    page = bench()

    page.get_by_role("button", name="Start a request").click()
    expect(page.locator(".ln.lit")).to_have_count(1)
    expect(page.get_by_role("button", name="Start a request")).to_be_hidden()
    go_on_to_the_read(page)

    expect(page.locator(".dot.read").first).to_be_attached()
    expect(page.locator("svg.only-wide .wire.live.read .took")).to_have_text("4.87 ms")
    expect(page.get_by_text("SELECT p.product_id")).to_be_visible()
    expect(page.locator(".timeline .now")).to_contain_text("database answered")
    expect(page.locator(".says strong")).to_have_text("The database has answered.")
    page.get_by_role("button", name="Run to the end").click()
    expect(page.locator("[data-met]")).to_have_text("1 of 5 met")
    expect(page.get_by_role("button", name="Start a request")).to_be_visible()


def go_on_to_the_read(page: Page) -> None:
    for _ in range(12):
        if page.locator(".wire.live.read").count():
            return
        line = page.locator(".ln.lit").inner_text()
        page.get_by_role("button", name="Next line").click()
        page.wait_for_function(
            "(before) => document.querySelector('.ln.lit')?.innerText !== before || "
            "document.querySelector('.wire.live.read')",
            arg=line,
        )
    pytest.fail("the database was never asked")


def test_load_moves_tiles_charts_and_a_sample_of_dots(bench: Bench) -> None:
    page = bench(query="?gear=load")

    page.get_by_role("button", name="Start the load").click()

    expect(page.locator("[data-metric=hit_rate_percent] [data-value]")).not_to_have_text("–")
    expect(page.locator("cg-chart canvas").first).to_be_visible()
    expect(page.locator(".sampled")).to_contain_text("Dots are a sample")
    expect(page.locator(".dot.once").first).to_be_attached()
    page.locator("cg-chart summary").first.click()
    expect(page.locator("cg-chart tbody tr").first).to_be_visible()
    page.get_by_role("button", name="Stop the load").click()
    expect(page.get_by_role("button", name="Start the load")).to_be_visible()


def test_a_chart_of_one_reading_has_a_span_of_seconds(bench: Bench) -> None:
    page = bench(query="?gear=load")
    page.get_by_role("button", name="Start the load").click()
    expect(page.locator("cg-chart canvas").first).to_be_visible()

    span = page.locator("cg-chart").first.evaluate("""async (chart) => {
        chart.data = chart.data.map((column) => column.slice(0, 1));
        chart.build();
        await new Promise(requestAnimationFrame);
        return chart.plot.scales.x.max - chart.plot.scales.x.min;
    }""")

    assert span == pytest.approx(5)


def test_a_killed_server_is_seen_to_die_and_offers_a_restart(bench: Bench) -> None:
    page = bench(query="?gear=break")

    page.locator("[data-fault-server=cache]").get_by_role("button", name="Kill").click()

    expect(page.locator("svg.only-wide [data-node=cache]")).to_have_attribute("data-state", "down")
    expect(page.locator("svg.only-wide [data-node=cache] .why")).to_have_text(
        "is down: you killed it"
    )
    expect(
        page.locator("[data-fault-server=cache]").get_by_role("button", name="Restart")
    ).to_be_visible()
    expect(
        page.locator("[data-fault-server=cache]").get_by_role("button", name="Kill")
    ).to_be_hidden()
    unfold(page, "More controls")
    page.locator("[data-fault-link=database]").get_by_role("button", name="Cut").click()
    expect(page.locator("svg.only-wide .wire[data-link=database]")).to_have_attribute(
        "data-state", "cut"
    )


def test_a_control_is_sent_shown_and_kept_in_the_address(bench: Bench, visit: Any) -> None:
    page = bench()

    unfold(page, "More controls")
    page.get_by_role("slider", name="Time to live").focus()
    page.keyboard.press("End")

    expect(page.locator("[data-control=ttl_s] output")).to_have_text("300 s")
    expect(page).to_have_url(re.compile(r"ttl_s=300"))
    page.get_by_text("Memcached", exact=True).click()
    expect(page).to_have_url(re.compile(r"engine=memcached"))
    again = visit(page.url)
    expect(again.get_by_text("It opens with the settings of this link")).to_be_visible()


def test_two_tabs_show_the_same(bench: Bench, visit: Any) -> None:
    first = bench()
    second = visit("/labs/cache-aside?gear=break", context=first.context)

    unfold(second, "More controls")
    second.locator("[data-fault-server=database]").get_by_role("button", name="Pause").click()

    for page in (first, second):
        expect(page.locator("svg.only-wide [data-node=database]")).to_have_attribute(
            "data-state", "paused"
        )
    first.close()
    second.locator("[data-fault-server=database]").get_by_role("button", name="Resume").click()
    expect(second.locator("svg.only-wide [data-node=database]")).to_have_attribute(
        "data-state", "up"
    )


def test_a_lost_connection_is_told_and_heals_without_gap_or_duplicate(
    bench: Bench, web_server: WebServer, labs_host: FakedLabs
) -> None:
    page = bench(problems_are_meant=True)
    sandbox = sandbox_on(page, labs_host)
    page.wait_for_function("() => document.querySelector('cg-bench').dataset.connection === 'live'")

    web_server.stop()
    try:
        expect(page.locator("cg-bench [data-connection]")).to_contain_text("No answer since")
        for number in range(5):
            labs_host.client.call(sandbox.id, "set", name="ttl_s", value=10 + number)
    finally:
        web_server.start()

    expect(page.locator("[data-control=ttl_s] output")).to_have_text("14 s", timeout=20_000)
    assert [
        row for row in page.locator(".timeline li").all_inner_texts() if "Time to live" in row
    ] != []
    assert page.locator(".timeline li", has_text="Time to live").count() == 5
    page.wait_for_selector("cg-bench[data-connection=live]", timeout=20_000)


def test_a_lost_sandbox_offers_to_open_it_again(bench: Bench, labs_host: FakedLabs) -> None:
    page = bench(query="?ttl_s=30", problems_are_meant=True)
    page.wait_for_function("() => document.querySelector('cg-bench').dataset.connection === 'live'")

    labs_host.vanish()

    expect(page.get_by_role("heading", name="The machine lost your bench.")).to_be_visible(
        timeout=12_000
    )
    labs_host.start()
    page.get_by_role("button", name="Open it again").click()
    expect(page.locator("[data-control=ttl_s] output")).to_have_text("30 s")


def test_an_opening_and_a_queued_bench_come_by_themselves(visit: Any, labs_host: FakedLabs) -> None:
    labs_host.queue("first", "second")
    page = visit("/labs/cache-aside")
    page.get_by_role("button", name="Open the bench").click()

    expect(page.get_by_text("You are number 3 in the queue")).to_be_visible()
    labs_host.let_in()

    expect(page.locator("cg-bench[data-phase=open]")).to_be_visible()


def test_a_slow_click_leaves_the_queue(visit: Any, labs_host: FakedLabs) -> None:
    labs_host.queue("first")
    page = visit("/labs/cache-aside")
    page.get_by_role("button", name="Open the bench").click()
    leave = page.get_by_role("button", name="Leave the queue")
    leave.hover()
    leave.focus()

    with page.expect_response("**/labs/cache-aside/bench**"):
        page.mouse.down()
    expect(page.get_by_text("You are number 2 in the queue")).to_be_visible()
    expect(leave).to_be_focused()
    page.mouse.up()

    expect(page.get_by_role("button", name="Open the bench")).to_be_visible()


def test_the_console_recalls_completes_and_never_traps_the_keyboard(bench: Bench) -> None:
    page = bench()
    unfold(page, "Console")
    line = page.get_by_label("Command for cache")

    line.fill("PING")
    line.press("Enter")
    expect(page.locator(".console-of[data-server=cache] pre")).to_contain_text("It was told: PING")
    expect(line).to_have_value("")
    line.press("ArrowUp")
    expect(line).to_have_value("PING")
    line.fill("GETD")
    line.press("Tab")
    expect(line).to_have_value("GETDEL ")
    expect(line).to_be_focused()
    line.press("Escape")
    line.press("Tab")
    expect(line).not_to_be_focused()


def test_a_bench_that_is_about_to_end_can_be_kept(bench: Bench, labs_host: FakedLabs) -> None:
    page = bench()
    sandbox = sandbox_on(page, labs_host)
    page.wait_for_function("() => document.querySelector('cg-bench').dataset.connection === 'live'")

    labs_host.host.admission.limits = Limits(idle_s=120.0, warn_s=120.0)
    expect(page.get_by_text("This sandbox ends in 2 minutes")).to_have_count(2)
    # The host looks once a second, and would warn again.
    labs_host.host.admission.limits = Limits()
    page.get_by_role("button", name="Keep it").click()

    expect(page.get_by_text("It stays open.")).to_be_visible()
    expect(page.get_by_role("button", name="Keep it")).to_be_hidden()
    assert ("keep", sandbox.id, {}) in sandbox.calls


def test_what_a_server_says_is_never_markup(bench: Bench, labs_host: FakedLabs) -> None:
    page = bench()
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    sandbox = sandbox_on(page, labs_host)

    sandbox.tell(NoteAdded(text=evil))
    sandbox.tell(CaptionChanged(text=f"{evil} strong {evil}", strong="strong"))
    sandbox.tell(ServerChanged(server="cache", state="down", why=evil))

    expect(page.locator(".timeline")).to_contain_text("<script>alert(2)</script>")
    assert page.locator("cg-bench img, cg-bench script").count() == 0


def test_the_item_is_asked_for_once_and_serves_every_button(bench: Bench) -> None:
    page = bench()

    item = page.get_by_label("Item", exact=True)
    expect(item).to_have_count(1)
    item.fill("7")
    page.get_by_role("button", name="Start a request").click()
    expect(page.get_by_text("request 1: read(7)", exact=True)).to_be_visible()
    page.get_by_role("button", name="Run to the end").click()
    expect(page.get_by_role("button", name="Start a request")).to_be_visible()


def test_an_open_bench_is_drawn_anew_under_the_strict_policy(bench: Bench) -> None:
    page = bench()
    page.wait_for_function("() => document.querySelector('cg-bench').dataset.connection === 'live'")
    page.evaluate("() => { document.querySelector('cg-bench').old = true; }")

    page.locator(".bench-foot").get_by_text("Start afresh", exact=True).click()
    page.get_by_role("button", name="Yes, start afresh").click()

    page.wait_for_function(
        "() => { const bench = document.querySelector('cg-bench'); return !bench.old && "
        "bench.dataset.connection === 'live'; }"
    )
    assert page.locator("cg-bench [style='']").count() == 0


def test_the_theme_is_chosen_and_kept(visit: Any) -> None:
    page = visit("/labs")
    ground = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")

    page.get_by_text("Dark", exact=True).click()
    assert (
        page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") != ground
    )
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()


def test_everything_works_without_a_script(bench: Bench) -> None:
    page = bench(java_script_enabled=False)

    page.get_by_role("button", name="Start a request").click()
    expect(page.locator(".ln.lit")).to_have_count(1)
    page.get_by_role("button", name="Run to the end").click()
    expect(page.get_by_text("SELECT p.product_id")).to_be_visible()
    unfold(page, "Console")
    page.get_by_label("Command for cache").fill("PING")
    page.locator(".console-of[data-server=cache]").get_by_role("button", name="Run").click()
    expect(page.get_by_text("It was told: PING")).to_be_visible()
    page.goto("/labs/cache-aside")
    page.get_by_role("link", name="Break").click()
    cache = page.locator("[data-fault-server=cache]")
    cache.get_by_role("button", name="Kill").click()
    expect(cache.get_by_role("button", name="Restart")).to_be_visible()


def test_no_motion_where_none_is_wanted(bench: Bench) -> None:
    page = bench(reduced_motion="reduce")

    step_to_the_read(page)

    assert page.evaluate("() => document.getAnimations().length") == 0


@pytest.mark.parametrize("width", [345, 360, 768, 1152])
def test_no_page_scrolls_sideways(bench: Bench, width: int) -> None:
    page = bench(viewport={"width": width, "height": 800})
    for path in (
        "/labs/cache-aside?gear=load",
        "/labs/cache-aside?gear=break",
        "/labs",
        "/patterns",
        "/lessons/security",
        "/lessons/redis-durability-and-backup",
    ):
        page.goto(path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("gear", ["step", "load", "break"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
def test_the_projector_view_is_one_screen(bench: Bench, gear: str, width: int, height: int) -> None:
    page = bench(viewport={"width": width, "height": height})

    page.goto(f"/labs/cache-aside?view=projector&gear={gear}")

    assert page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    ) == [width, height]
    expect(page.locator("svg.only-wide")).to_be_in_viewport()
    expect(page.locator("cg-tiles")).to_be_in_viewport(ratio=0.95)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/labs",
        "/labs/cache-aside",
        "/labs/database-relief",
        "/labs/cache-aside?gear=break",
        "/labs/cache-aside?gear=load",
        "/patterns",
        "/lessons/cache-aside-in-code",
    ],
)
def test_axe_finds_nothing(bench: Bench, path: str, scheme: str) -> None:
    page = bench(color_scheme=scheme)

    page.goto(path)
    found = Axe().run(page)

    serious = [
        (v["id"], [node["target"] for node in v["nodes"]][:4])
        for v in found.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
