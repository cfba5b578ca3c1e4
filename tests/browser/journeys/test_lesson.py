"""A learner's way through lesson 3 on the whole site: real servers, a real browser, and what is
seen on the page.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.settings import ROOT
from tests.browser.conftest import Open, unfold
from tests.browser.journeys.bench import SOON_MS, bench_of, button, check, open_the_bench
from tests.browser.journeys.real_site import RealSite, real_site
from tests.waiting import eventually

LESSON = "/lessons/cache-aside-in-code"


@pytest.fixture(scope="module")
def site(server_folder: Path) -> Iterator[RealSite]:
    """The site, with one more lab in a folder that it was told of."""
    labs = server_folder / "journey-labs"
    shutil.copytree(ROOT / "tests/samples/more_labs", labs)
    with real_site({"CACHEGROUND_LABS": str(labs)}) as running:
        yield running


def step_through(bench: Locator) -> list[str]:
    """Run one request line by line: the lines that were lit."""
    button(bench, "Start a request").click()
    expect(button(bench, "Next line")).to_be_visible()
    lit = []
    while button(bench, "Next line").is_visible():
        line = bench.locator(".ln.lit").first.inner_text()
        lit.append(line.strip())
        button(bench, "Next line").click()
        bench.page.wait_for_function(
            "(before) => document.querySelector('.ln.lit')?.innerText !== before", arg=line
        )
    return lit


def test_a_learner_s_way_through_lesson_3(visit: Open, site: RealSite) -> None:
    page = visit("/")
    page.get_by_role("link", name="Cache-aside in code").click()
    expect(page.get_by_role("heading", name="Cache-aside in code", level=1)).to_be_visible()
    expect(page.get_by_text("The cache is").first).to_be_visible()
    bench = open_the_bench(page, "Cache-aside")
    unfold(page, "All checks")

    # One miss, one hit, a line at a time.
    sent = bench.locator(".exchange > li")
    missed = step_through(bench)
    assert any("shop.read(item)" in line for line in missed)
    expect(sent).to_have_count(3)
    expect(sent.nth(0)).to_contain_text("GET page:42")
    expect(sent.nth(1)).to_contain_text("SELECT")
    expect(sent.nth(2)).to_contain_text("SET page:42")
    expect(check(bench, "The first read is a miss")).to_contain_text("Met:")
    hit = step_through(bench)
    assert not any("shop.read(item)" in line for line in hit)
    expect(sent).to_have_count(1)
    expect(check(bench, "The second read is a hit")).to_contain_text("Met:")

    # A prediction, measured on the learner's own servers.
    card = page.get_by_role("region", name=re.compile("You read item 42 ten times"))
    card.get_by_label("Your number").fill("10")
    card.get_by_text("Certain", exact=True).click()
    button(card, "Commit and run").click()
    expect(card).to_contain_text("Your guess was not right.", timeout=SOON_MS)
    expect(card.locator(".measured-here")).to_have_text(re.compile(r"^1\squery$"))

    # Many clients at once.
    bench.get_by_role("link", name="Load").click()
    button(bench, "Start the load").click()
    expect(bench.locator("[data-metric=hit_rate_percent] [data-value]")).to_have_text(
        re.compile(r"^[1-9]"), timeout=SOON_MS
    )
    expect(bench.locator("[data-metric=database_queries_per_s] [data-value]")).to_have_text(
        re.compile(r"[1-9]")
    )
    expect(bench.locator("cg-chart canvas").first).to_be_visible()
    button(bench, "Stop the load").click()
    expect(button(bench, "Start the load")).to_be_visible()

    # A price changes and nobody tells the cache: the lesson's own settings, then the old price
    # until it ends.
    page.get_by_role("button", name="Set up the bench for this").nth(1).click()
    expect(
        bench.get_by_text("The bench is set up for this: the cache was emptied.")
    ).to_be_visible()
    unfold(page, "More controls", "All checks", "What happened")
    expect(bench.get_by_label("When a price changes")).to_have_value("none")
    happened = bench.get_by_role("log", name="What happened")
    button(bench, "Flush the cache").click()
    expect(page.get_by_text("The cache is empty.").first).to_be_visible()
    button(bench, "Read it").click()
    expect(page.get_by_text("Item 42: a miss").first).to_be_visible()
    button(bench, "Change the price").click()
    expect(page.get_by_text("The cached copy was not deleted.").first).to_be_visible()
    button(bench, "Read it ten times").click()
    expect(
        page.get_by_text(re.compile(r"10 hits, 0 database queries, 10 stale")).first
    ).to_be_visible()
    button(bench, "Read it").click()
    expect(happened).to_contain_text("stale")

    def is_met() -> bool:
        """Read again until the time to live is over."""
        button(bench, "Read it").click()
        page.wait_for_timeout(1_000)
        return "Met:" in check(bench, "After a price change").inner_text()

    eventually(is_met)

    # The cache dies, and every read is answered.
    bench.get_by_role("link", name="Break").click()
    button(bench.get_by_role("form", name="cache", exact=True), "Kill").click()
    expect(bench.get_by_role("list", name="Servers and links")).to_contain_text(
        re.compile("cache, Redis [0-9.]+: down")
    )
    bench.get_by_role("link", name="Step").click()
    button(bench, "Read it ten times").click()
    expect(check(bench, "With the cache killed, every read is still answered")).to_contain_text(
        "The app answered all 10 reads while the cache was down"
    )

    # The quiz: one right, one not yet.
    button(page, "I have read it").click()
    expect(page.get_by_text("You have read this lesson.")).to_be_visible()
    page.get_by_role("link", name=re.compile(r"Its \d+ questions")).click()
    first = page.get_by_role("region", name=re.compile("A page isn’t in ElastiCache"))
    first.get_by_label("The application, which then stores the answer in ElastiCache").check()
    button(first, "Answer").click()
    expect(first.get_by_role("status")).to_have_text("Right")
    trips = page.get_by_role("region", name=re.compile("How many trips"))
    trips.get_by_label("Your number").fill("2")
    button(trips, "Answer").click()
    expect(trips.get_by_role("status")).to_contain_text("Not this number")
    expect(trips).to_contain_text("3 trips")
    context = page.context
    page.close()

    # The whole site is stopped and started: the same cookie finds the same progress.
    site.stop()
    site.start()
    page = visit("/", context=context)
    row = page.get_by_role("listitem").filter(
        has=page.get_by_role("heading", name="Cache-aside in code")
    )
    expect(row).to_contain_text("4 of 5 checks")
    row.get_by_role("link", name="Cache-aside in code").click()
    expect(page.get_by_text("You have read this lesson.")).to_be_visible()
    expect(
        page.get_by_role("region", name=re.compile("You read item 42 ten times")).locator(
            ".measured-here"
        )
    ).to_have_text(re.compile(r"^1\squery$"))
    bench = open_the_bench(page, "Cache-aside")
    unfold(page, "All checks")
    expect(check(bench, "The second read is a hit")).to_contain_text("Met at")
    page.get_by_role("link", name=re.compile(r"Its \d+ questions")).click()
    expect(page.get_by_text(re.compile(r"^1 of 2 right, \d+ to go"))).to_be_visible()


def test_a_request_is_stepped_with_the_keyboard_alone(visit: Open) -> None:
    page = visit("/labs/cache-aside")
    bench = bench_of(page, "Cache-aside")
    tab_to(page, "Open the bench")
    page.keyboard.press("Enter")
    expect(page.locator("cg-bench[data-connection=live]")).to_be_visible(timeout=SOON_MS)

    tab_to(page, "Start a request")
    page.keyboard.press("Enter")
    expect(button(bench, "Next line")).to_be_focused()
    expect(bench.locator(".ln.lit")).to_contain_text("key = ")
    page.keyboard.press("Enter")
    expect(bench.locator(".ln.lit")).to_contain_text("try")
    expect(button(bench, "Next line")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button(bench, "Run to the end")).to_be_focused()
    page.keyboard.press("Enter")

    expect(button(bench, "Start a request")).to_be_focused()
    expect(check(bench, "The first read is a miss")).to_contain_text("Met:")


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"the keyboard does not reach {name}")


def test_polling_takes_over_where_streams_are_refused(visit: Open) -> None:
    page = visit("/labs", problems_are_meant=True)
    # A shared worker's requests can't be refused from here: without it the page has a stream of its
    # own.
    page.add_init_script("delete window.SharedWorker")
    page.route("**/events*", lambda route: route.abort())
    page.get_by_role("link", name="Cache-aside", exact=True).click()
    button(page, "Open the bench").click()
    bench = bench_of(page, "Cache-aside")

    expect(bench.get_by_text("so it asks every second")).to_be_visible(timeout=SOON_MS)
    button(bench, "Read it").click()

    expect(check(bench, "The first read is a miss")).to_contain_text("Met:")


def test_a_killed_labs_host_is_told_and_the_lab_opens_again(visit: Open, site: RealSite) -> None:
    page = visit("/labs/cache-aside?ttl_s=30", problems_are_meant=True)
    bench = open_the_bench(page, "Cache-aside")
    button(bench, "Read it").click()
    expect(check(bench, "The first read is a miss")).to_contain_text("Met:")

    site.kill_the_labs_host()

    expect(bench.get_by_role("heading", name="The machine lost your bench.")).to_be_visible(
        timeout=SOON_MS
    )
    expect(bench).to_contain_text("Your checks, answers and predictions are safe.")
    open_again(page)
    expect(bench.locator("[data-control=ttl_s] output")).to_have_text("30 s")
    expect(check(bench, "The first read is a miss")).to_contain_text("Met at")


def open_again(page: Page) -> None:
    """Press "Open it again", and once more as long as the answer is that no labs host is back."""
    live = page.locator("cg-bench[data-connection=live]")

    def is_live() -> bool:
        for name, role in (("Back to where you were", "link"), ("Open it again", "button")):
            control = page.get_by_role(role, name=name)  # type: ignore[arg-type]
            if control.is_visible() and control.is_enabled():
                control.click()
        page.wait_for_timeout(500)
        return live.is_visible()

    eventually(is_live)


@pytest.mark.parametrize("path", ["/labs/no-such-lab", "/lessons/no-such-lesson", "/no-such-page"])
def test_an_unknown_page_has_a_way_out(visit: Open, path: str) -> None:
    page = visit(path, problems_are_meant=True)

    expect(page.get_by_text("Error 404")).to_be_visible()
    way_out(page)


def test_another_learner_s_sandbox_is_not_there_and_the_page_has_a_way_out(visit: Open) -> None:
    mine = visit("/labs/cache-aside")
    open_the_bench(mine, "Cache-aside")
    address = f"/sandboxes/{mine.locator('cg-bench').get_attribute('data-sandbox')}"

    theirs = visit("/labs/cache-aside", problems_are_meant=True)
    for path in (address, f"{address}/log/cache"):
        answer = theirs.goto(path)
        assert answer is not None and answer.status == 404
        way_out(theirs)
    assert theirs.request.get(f"{address}/state").status == 404
    mine.goto(address)
    expect(bench_of(mine, "Cache-aside")).to_be_visible()


def way_out(page: Page) -> None:
    page.get_by_role("link", name="To the course").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url.endswith("/")


def test_a_lab_in_a_folder_elsewhere_is_listed_and_opens(visit: Open) -> None:
    page = visit("/labs")
    page.get_by_role("link", name="Toy").click()
    expect(page.get_by_text("Does it answer?").first).to_be_visible()
    bench = open_the_bench(page, "Toy")

    button(bench, "Start a request").click()
    button(bench, "Run to the end").click()

    expect(check(bench, "It answers")).to_contain_text("Met:")


def test_closing_says_what_is_kept(visit: Open) -> None:
    page = visit("/labs/cache-aside?read=row")
    open_the_bench(page, "Cache-aside")

    button(page, "Close the bench").click()

    expect(page.get_by_role("button", name=re.compile("^Open"))).to_be_visible()
