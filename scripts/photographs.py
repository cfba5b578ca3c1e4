"""Photographs of the whole site: each page in its telling states, with readings of real servers, light and dark, wide, on a phone, on the wall.

    scripts/screenshots                       all of them, into docs/screenshots/
    scripts/screenshots bench-load lesson-3   those whose name begins so
    scripts/screenshots --to /tmp/shots
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from portal.settings import ROOT
from scripts.benchmarks.site import Site
from scripts.palette import Palette

SIZES = {"wide": (1536, 1440), "phone": (360, 800), "projector": (1920, 1080)}
TALLEST = 5200
LOAD_MS = 6_000
SETTLE_MS = 900
LESSON = "/lessons/cache-aside-in-code"
BENCH = "/labs/cache-aside"
RACE = "/labs/write-through-race"
SESSIONS = "/labs/sessions"
DURABILITY = "/labs/durability"
BACKUPS = "/labs/backup-restore"


@dataclass
class Photographer:
    """Takes the pictures that were asked for of whatever page it is shown."""

    browser: Browser
    url: str
    to: Path
    wanted: tuple[str, ...]
    taken: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.palette = Palette(self.browser)

    def wants(self, *names: str) -> bool:
        """True if any of these pictures was asked for."""
        return not self.wanted or any(name.startswith(wish) or wish.startswith(name) for name in names for wish in self.wanted)

    def learner(self) -> BrowserContext:
        """A browser of a learner who was never here."""
        context = self.browser.new_context(base_url=self.url, viewport={"width": SIZES["wide"][0], "height": SIZES["wide"][1]}, color_scheme="light")
        context.set_default_timeout(20_000)
        return context

    def take(self, page: Page, name: str, *, sizes: tuple[str, ...] = ("wide", "phone"), schemes: tuple[str, ...] = ("light", "dark"), phone_of: str = "") -> None:
        """The page as it stands. On a phone it is light only, and as long as it is, or `phone_of` alone."""
        if not self.wants(name):
            return
        for size in sizes:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            for scheme in schemes if size == "wide" else schemes[:1]:
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                page.wait_for_timeout(SETTLE_MS)
                path = self.to / f"{name}-{scheme}-{size}.png"
                foot = page.evaluate("() => Math.ceil(document.querySelector('.site-foot').getBoundingClientRect().bottom + scrollY)")
                if size == "projector":
                    picture = page.screenshot()
                elif size == "wide":
                    picture = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": min(height, foot)})
                elif phone_of:
                    picture = page.locator(phone_of).screenshot()
                else:
                    picture = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(foot, TALLEST)})
                path.write_bytes(self.palette.shrink(picture))
                self.taken.append(path)
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
        page.set_viewport_size({"width": SIZES["wide"][0], "height": SIZES["wide"][1]})
        page.emulate_media(color_scheme="light")


def open_bench(page: Page, path: str, words: str = "Open the bench") -> None:
    """Go there and open it."""
    page.goto(path)
    press(page, words)
    page.wait_for_selector("cg-bench[data-connection=live]")


def press(page: Page, name: str) -> None:
    """Press a button of this name."""
    page.get_by_role("button", name=name, exact=True).first.click()


def close_bench(page: Page, path: str) -> None:
    """Close it, so that there is room for the next."""
    page.goto(path)
    press(page, "Close the bench")
    page.get_by_role("button", name="Open").first.wait_for()


def press_until_asked(page: Page) -> None:
    """Step a request on until the database was asked."""
    press(page, "Start a request")
    for _ in range(12):
        page.wait_for_timeout(250)
        if page.locator(".exchange > li").count() >= 2:
            return
        press(page, "Next line")


def course(camera: Photographer, context: BrowserContext) -> None:
    """The table of contents, of a stranger and of somebody who has begun."""
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
    page.goto("/labs/database-relief")
    camera.take(page, "bench-taken", sizes=("wide",), schemes=("light",))
    close_bench(page, BENCH)


def benches(camera: Photographer, context: BrowserContext) -> None:
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
    """The other lab, under load; a stranger who waits for room meanwhile."""
    page = context.new_page()
    open_bench(page, "/labs/database-relief?gear=load")
    press(page, "Start the load")
    page.wait_for_timeout(LOAD_MS)
    camera.take(page, "bench-relief")
    if camera.wants("bench-queued"):
        others = camera.learner()
        waiting = others.new_page()
        waiting.goto(BENCH)
        press(waiting, "Open the bench")
        waiting.get_by_text("Waiting for room").wait_for()
        camera.take(waiting, "bench-queued", sizes=("wide",), schemes=("light",))
        others.close()
    close_bench(page, "/labs/database-relief")


def race(camera: Photographer, context: BrowserContext) -> None:
    """The write-through race: an order that ends stale, one that a lock forbids, what survives, and the same strategies under load."""
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
    """The shop: signed in on one instance and served by the other, one instance dead, and many browsers while sessions are in memory."""
    page = context.new_page()
    open_bench(page, SESSIONS)
    mia, ben = page.locator("[data-browser=first]"), page.locator("[data-browser=second]")
    for window, words in ((mia, "Add to the cart"), (mia, "Log in"), (mia, "Open a page"), (ben, "Log in")):
        before = window.locator("[data-show=line]").inner_text()
        window.get_by_role("button", name=words, exact=True).click()
        page.wait_for_function("([name, before]) => document.querySelector(`[data-browser=${name}] [data-show=line]`).textContent !== before", arg=[window.get_attribute("data-browser"), before])
    camera.take(page, "sessions-served-by-another")
    page.goto(f"{SESSIONS}?view=projector")
    camera.take(page, "sessions-served-by-another", sizes=("projector",))
    page.goto(f"{SESSIONS}?gear=break")
    login = (page.locator("[data-browser=first] [data-show=known]").inner_text())[-1]
    press(page, f"Kill Instance {login}")
    page.locator(f"svg.only-wide [data-node=instance-{login.lower()}][data-state=down]").wait_for()
    page.locator("[data-browser=first]").get_by_role("button", name="Open a page", exact=True).click()
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
    """What the labs of the caching patterns find: strategies beside one another, ways to invalidate, a load that writes through."""
    page = context.new_page()
    for lab, words in (("strategies", "Compare them"), ("invalidation", "Measure all five")):
        if camera.wants(f"{lab}-compared"):
            open_bench(page, f"/labs/{lab}")
            press(page, words)
            page.locator("cg-table tbody tr").nth(4).wait_for(timeout=60_000)
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
    """Durability: writes on their way to the disk, the power cut in the middle of them, and every mode through both faults."""
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
        camera.take(page, "durability-compared", sizes=("wide", "projector"), schemes=("light", "dark"))
    close_bench(page, DURABILITY)


def backups(camera: Photographer, context: BrowserContext) -> None:
    """Backups of a cluster, quiet and under writers; its data is lost; another cluster is started from the file that was taken under the writers."""
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


def more_lessons(camera: Photographer, context: BrowserContext) -> None:
    """The lessons on patterns, invalidation and sessions."""
    page = context.new_page()
    for number, slug in ((4, "caching-patterns"), (5, "invalidation-and-staleness"), (6, "session-store")):
        page.goto(f"/lessons/{slug}")
        camera.take(page, f"lesson-{number}", sizes=("wide",))


def quiz(camera: Photographer, context: BrowserContext) -> None:
    """One question right, one wrong."""
    page = context.new_page()
    page.goto(f"{LESSON}/quiz")
    page.get_by_label("The application, which then stores the answer in ElastiCache").check()
    press(page, "Answer")
    page.get_by_text("Right.", exact=True).wait_for()
    wrong = page.get_by_role("region", name="Each change of a price commits and then deletes the key.")
    wrong.get_by_label("No: after the delete every reader misses").check()
    wrong.get_by_role("button", name="Answer").click()
    wrong.get_by_text("Not yet.").wait_for()
    page.evaluate("() => scrollTo(0, 0)")
    camera.take(page, "quiz-right", sizes=("wide", "phone"))
    wrong.evaluate("(card) => card.scrollIntoView({block: 'start'})")
    camera.take(page, "quiz-wrong", sizes=("wide",), schemes=("light",))


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


STORIES: dict[Callable[[Photographer, BrowserContext], None], tuple[str, ...]] = {
    course: ("course-new",),
    lessons: ("lesson-", "course-begun", "labs-", "bench-taken"),
    benches: ("bench-none", "bench-step", "bench-load", "bench-break", "bench-ended"),
    relief: ("bench-relief", "bench-queued"),
    race: ("race-",),
    sessions: ("sessions-",),
    comparisons: ("strategies-", "invalidation-", "write-through-load"),
    durability: ("durability-",),
    backups: ("backup-restore-",),
    more_lessons: ("lesson-4", "lesson-5", "lesson-6"),
    quiz: ("quiz-",),
    accounts: ("me-", "recover-"),
    others: ("patterns-", "error-"),
}


class SmallSite(Site):
    """A site with room for one sandbox, so that a second learner waits."""

    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {**super().environment(), "CACHEGROUND_ROOM": "1"}


def photograph(playwright: Playwright, url: str, to: Path, wanted: tuple[str, ...]) -> list[Path]:
    """Take them all, one story after the other."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        sys.exit("There is no Chromium here. Install one (apt-get install chromium), then start this again.")
    browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    camera = Photographer(browser, url, to, wanted)
    for story, names in STORIES.items():
        if camera.wants(*names):
            context = camera.learner()
            story(camera, context)
            context.close()
    browser.close()
    return camera.taken


def main() -> int:
    """Start a site, take the pictures, stop it."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="how the pictures' names begin; all if none is given")
    parser.add_argument("--to", type=Path, default=ROOT / "docs/screenshots", metavar="FOLDER", help="where they are put (docs/screenshots)")
    parser.add_argument("--of", metavar="URL", help="a site that runs already, instead of one of its own")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="cg-screenshots-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with sync_playwright() as playwright:
            if asked.of:
                taken = photograph(playwright, asked.of, asked.to, tuple(asked.names))
            else:
                with SmallSite(folder / "state") as site:
                    taken = photograph(playwright, f"http://127.0.0.1:{site.port}", asked.to, tuple(asked.names))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(taken)} pictures, {sum(path.stat().st_size for path in taken) / 1e6:.1f} MB, in {asked.to}")
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main())
