"""The stories of the benches: each lab in its telling states."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

from scripts.photographs.camera import (
    SETTLE_MS,
    Photographer,
    close_bench,
    open_bench,
    press,
    press_until_asked,
)

LOAD_MS = 6_000
BENCH = "/labs/cache-aside"
RACE = "/labs/write-through-race"
SESSIONS = "/labs/sessions"
DURABILITY = "/labs/durability"
BACKUPS = "/labs/backup-restore"
FAILOVER = "/labs/failover"
REPLICAS = "/labs/read-replicas"


def gears(camera: Photographer, context: BrowserContext) -> None:
    """The bench of cache-aside in its three gears, its end, and one that waits."""
    page = context.new_page()
    page.goto(BENCH)
    camera.take(page, "bench-none")
    press(page, "Open the bench")
    page.wait_for_selector("cg-bench[data-connection=live]")
    press_until_asked(page)
    camera.take(page, "bench-step")
    page.goto(f"{BENCH}?view=projector")
    camera.take(page, "bench-step", sizes=("projector",))
    press(page, "Run to the end")
    if camera.wants("bench-load"):
        page.goto(f"{BENCH}?gear=load")
        press(page, "Start the load")
        page.wait_for_timeout(LOAD_MS)
        camera.take(page, "bench-load")
        page.goto(f"{BENCH}?gear=load&view=projector")
        page.wait_for_timeout(2_000)
        camera.take(page, "bench-load", sizes=("projector",), schemes=("dark",))
        press(page, "Stop the load")
    if camera.wants("bench-break"):
        page.goto(f"{BENCH}?gear=load")
        press(page, "Start the load")
        page.get_by_role("link", name="Break").click()
        page.wait_for_timeout(3_000)
        page.locator("[data-fault-server=cache]").get_by_role("button", name="Kill").click()
        page.wait_for_timeout(3_000)
        camera.take(page, "bench-break")
        page.goto(f"{BENCH}?gear=break&view=projector")
        page.wait_for_timeout(2_000)
        camera.take(page, "bench-break", sizes=("projector",))
    close_bench(page, BENCH)
    camera.take(page, "bench-ended", sizes=("wide",), schemes=("light",))


def relief(camera: Photographer, context: BrowserContext) -> None:
    """The other lab, under load; a second learner who waits for a turn meanwhile."""
    page = context.new_page()
    open_bench(page, "/labs/database-relief?gear=load")
    press(page, "Start the load")
    page.wait_for_timeout(LOAD_MS)
    camera.take(page, "bench-relief")
    if not camera.wants("bench-queued"):
        close_bench(page, "/labs/database-relief")
        return
    others = camera.learner()
    waiting = others.new_page()
    waiting.goto(BENCH)
    press(waiting, "Open the bench")
    waiting.get_by_text("Waiting for your turn").wait_for()
    camera.take(waiting, "bench-queued", sizes=("wide",), schemes=("light",))
    close_bench(page, "/labs/database-relief")
    # Its turn comes now: what it opens must not take the room of the next pictures.
    waiting.wait_for_selector("cg-bench[data-connection=live]")
    close_bench(waiting, BENCH)
    others.close()


def race(camera: Photographer, context: BrowserContext) -> None:
    """The write-through race: an order that ends stale, one that a lock forbids, what survives, and
    the same strategies under load.
    """
    page = context.new_page()
    open_bench(page, f"{RACE}?order=AABBBA")
    press(page, "Play this order")
    page.locator(".race-end[data-outcome=stale]").wait_for()
    press(page, "Run all orders")
    page.locator("tbody[data-orders] tr").nth(19).wait_for()
    press(page, "Run them for every strategy")
    page.locator("[data-table=survivors] tbody tr").nth(6).wait_for()
    camera.take(page, "race-stale")
    page.goto(f"{RACE}?view=projector")
    camera.take(page, "race-stale", sizes=("projector",))
    if camera.wants("race-impossible"):
        page.goto(RACE)
        page.get_by_label("Who races").select_option("reader-two-writers")
        page.get_by_label("Strategy").select_option("lease")
        page.locator(".race-step").nth(11).wait_for()
        page.get_by_label("Order, in letters").fill("AABACBBB")
        press(page, "Play this order")
        page.locator(".race-end[data-outcome=impossible]").wait_for()
        camera.take(page, "race-impossible")
    if camera.wants("race-load"):
        page.goto(f"{RACE}?gear=load")
        press(page, "Start the load")
        page.wait_for_timeout(LOAD_MS)
        camera.take(page, "race-load", sizes=("wide",))
    close_bench(page, RACE)


def sessions(camera: Photographer, context: BrowserContext) -> None:
    """The shop: signed in on one instance and served by the other, one instance dead, and many
    browsers while sessions are in memory.
    """
    page = context.new_page()
    open_bench(page, SESSIONS)
    mia, ben = page.locator("[data-browser=first]"), page.locator("[data-browser=second]")
    for window, words in (
        (mia, "Add to the cart"),
        (mia, "Log in"),
        (mia, "Open a page"),
        (ben, "Log in"),
    ):
        before = window.locator("[data-show=line]").inner_text()
        window.get_by_role("button", name=words, exact=True).click()
        page.wait_for_function(
            "([name, before]) => document.querySelector(`[data-browser=${name}] "
            "[data-show=line]`).textContent !== before",
            arg=[window.get_attribute("data-browser"), before],
        )
    camera.take(page, "sessions-served-by-another")
    page.goto(f"{SESSIONS}?view=projector")
    camera.take(page, "sessions-served-by-another", sizes=("projector",))
    page.goto(f"{SESSIONS}?gear=break")
    login = (page.locator("[data-browser=first] [data-show=known]").inner_text())[-1]
    press(page, f"Kill Instance {login}")
    page.locator(f"svg.only-wide [data-node=instance-{login.lower()}][data-state=down]").wait_for()
    page.locator("[data-browser=first]").get_by_role(
        "button", name="Open a page", exact=True
    ).click()
    camera.take(page, "sessions-instance-killed")
    if camera.wants("sessions-load"):
        press(page, f"Restart Instance {login}")
        page.goto(f"{SESSIONS}?gear=load")
        page.get_by_label("Sessions are kept in").select_option("memory")
        press(page, "Start the load")
        page.wait_for_timeout(LOAD_MS)
        camera.take(page, "sessions-load", sizes=("wide",))
        press(page, "Stop the load")
    close_bench(page, SESSIONS)


def comparisons(camera: Photographer, context: BrowserContext) -> None:
    """What the labs that compare find: strategies in one table, ways to invalidate, policies
    of eviction; and a load that writes through.
    """
    page = context.new_page()
    for lab, words, rows in (
        ("strategies", "Compare them", 5),
        ("invalidation", "Measure all five", 5),
        ("eviction", "Compare the policies", 4),
    ):
        if camera.wants(f"{lab}-compared"):
            open_bench(page, f"/labs/{lab}")
            press(page, words)
            page.locator("cg-table tbody tr").nth(rows - 1).wait_for(timeout=60_000)
            camera.take(page, f"{lab}-compared")
            page.goto(f"/labs/{lab}?gear=load&view=projector")
            camera.take(page, f"{lab}-compared", sizes=("projector",))
            close_bench(page, f"/labs/{lab}")
    if camera.wants("write-through-load"):
        open_bench(page, "/labs/write-through?gear=load")
        press(page, "Start the load")
        page.wait_for_timeout(LOAD_MS)
        camera.take(page, "write-through-load")
        close_bench(page, "/labs/write-through")


def durability(camera: Photographer, context: BrowserContext) -> None:
    """Durability: writes on their way to the disk, the power cut in the middle of them, and every
    mode through both faults.
    """
    page = context.new_page()
    open_bench(page, f"{DURABILITY}?gear=load")
    press(page, "Start the load")
    page.wait_for_timeout(LOAD_MS)
    camera.take(page, "durability-load", sizes=("wide",))
    page.goto(f"{DURABILITY}?gear=break")
    press(page, "Cut the power")
    page.locator("svg.only-wide [data-node=redis][data-state=down]").wait_for()
    camera.take(page, "durability-power-cut")
    press(page, "Start it, and compare")
    page.locator("[data-table=faults] tbody tr").first.wait_for()
    if camera.wants("durability-compared"):
        page.goto(f"{DURABILITY}?gear=load")
        press(page, "Stop the load")
        page.goto(DURABILITY)
        press(page, "Every mode, both faults")
        page.locator("[data-table=faults] tbody tr").nth(9).wait_for(timeout=60_000)
        press(page, "Time some starts")
        page.locator("[data-table=starts] tbody tr").nth(5).wait_for(timeout=60_000)
        page.wait_for_timeout(2_500)
        camera.take(
            page, "durability-compared", sizes=("wide", "projector"), schemes=("light", "dark")
        )
    close_bench(page, DURABILITY)


def backups(camera: Photographer, context: BrowserContext) -> None:
    """Backups of a cluster, quiet and under writers; its data is lost; another cluster is started
    from the file that was taken under the writers.
    """
    page = context.new_page()
    open_bench(page, f"{BACKUPS}?gear=load")
    page.get_by_role("link", name="Step").click()
    press(page, "Fill the cluster")
    page.locator("[data-line='0']").filter(has_text="keys").first.wait_for()
    press(page, "Take a backup")
    page.locator("[data-table=backups] tbody tr").nth(0).filter(has_text="available").wait_for()
    page.get_by_role("link", name="Load").click()
    press(page, "Start the load")
    page.wait_for_timeout(LOAD_MS // 2)
    press(page, "Take a backup")
    page.locator("[data-table=backups] tbody tr").nth(1).filter(has_text="available").wait_for()
    page.wait_for_timeout(LOAD_MS // 3)
    camera.take(page, "backup-restore-load", sizes=("wide",), schemes=("light",))
    press(page, "Stop the load")
    page.get_by_role("link", name="Break").click()
    press(page, "FLUSHALL")
    page.locator("[data-place=shop-001]").filter(has_text="empty").wait_for()
    press(page, "Restore into a new cluster")
    page.locator("[data-moment]").wait_for()
    camera.take(page, "backup-restore-restored")
    page.goto(f"{BACKUPS}?gear=break&view=projector")
    camera.take(page, "backup-restore-restored", sizes=("projector",))
    close_bench(page, BACKUPS)


def failover(camera: Photographer, context: BrowserContext) -> None:
    """A primary that is killed, during the failover and after it; then a split brain."""
    page = context.new_page()
    open_bench(page, f"{FAILOVER}?gear=load")
    camera.take(page, "failover-load", sizes=("wide",), schemes=("light",))
    press(page, "Start the load")
    page.wait_for_timeout(2_500)
    page.get_by_role("link", name="Break").click()
    press(page, "Kill the primary")
    page.wait_for_timeout(1_300)
    camera.take(page, "failover-during", sizes=("wide",), schemes=("light",))
    page.get_by_text("s without a write").first.wait_for()
    camera.take(page, "failover-after")
    press(page, "Bring back what is down")
    page.wait_for_timeout(1_500)
    press(page, "Cut off a zone")
    page.wait_for_timeout(1_700)
    camera.take(page, "failover-cut", sizes=("wide",), schemes=("light",))
    page.wait_for_timeout(LOAD_MS // 2)
    press(page, "Make the zones whole")
    press(page, "Repair the former primary now")
    page.locator(".flights > li").nth(2).wait_for()
    page.locator("[name=beside]").last.check()
    page.wait_for_timeout(SETTLE_MS)
    camera.take(page, "failover-compared", sizes=("wide",))
    page.goto(f"{FAILOVER}?gear=break&view=projector")
    page.wait_for_timeout(SETTLE_MS)
    camera.take(page, "failover-after", sizes=("projector",))
    close_bench(page, FAILOVER)


def replicas(camera: Photographer, context: BrowserContext) -> None:
    """A third replica that gets no clients yet, and a slow one."""
    page = context.new_page()
    open_bench(page, f"{REPLICAS}?gear=load")
    press(page, "Start the load")
    page.wait_for_timeout(2_000)
    press(page, "Add a replica")
    page.locator(".says").filter(has_text="is a replica now").wait_for()
    press(page, "Count who answers")
    page.locator("[data-table=members] tbody tr").nth(3).wait_for()
    camera.take(page, "read-replicas-added")
    page.get_by_role("link", name="Break").click()
    press(page, "Slow a replica’s link")
    page.wait_for_timeout(LOAD_MS // 3)
    camera.take(page, "read-replicas-slow", sizes=("wide",), schemes=("light",))
    close_bench(page, REPLICAS)
