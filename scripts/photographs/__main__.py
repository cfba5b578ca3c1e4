"""Photographs of the whole site: each page in its telling states, with readings of real servers,
light and dark, wide, on a phone, on the wall.

scripts/screenshots                       all of them, into var/screenshots/
scripts/screenshots bench-load lesson-3   those whose name begins so
scripts/screenshots --to docs/screenshots lesson-3-step failover-after
                                          those that the README shows
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from portal.settings import ROOT
from scripts.benchmarks.site import Site
from scripts.photographs import benches, pages, questions
from scripts.photographs.camera import Photographer

STORIES: dict[Callable[[Photographer, BrowserContext], None], tuple[str, ...]] = {
    pages.course: ("course-new",),
    pages.lessons: ("lesson-", "course-begun", "labs-", "bench-taken"),
    benches.gears: ("bench-none", "bench-step", "bench-load", "bench-break", "bench-ended"),
    benches.relief: ("bench-relief", "bench-queued"),
    benches.race: ("race-",),
    benches.sessions: ("sessions-",),
    benches.comparisons: ("strategies-", "invalidation-", "eviction-", "write-through-load"),
    benches.durability: ("durability-",),
    benches.backups: ("backup-restore-",),
    benches.failover: ("failover-",),
    benches.replicas: ("read-replicas-",),
    pages.more_lessons: (
        *("lesson-4", "lesson-5", "lesson-6", "lesson-7", "lesson-8", "lesson-11"),
    ),
    questions.kinds: ("quiz-",),
    pages.accounts: ("me-", "recover-"),
    pages.others: ("patterns-", "error-"),
}


def photograph(playwright: Playwright, url: str, to: Path, wanted: tuple[str, ...]) -> list[Path]:
    """Take them all, one story after the other."""
    names = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        how = "Install one (apt-get install chromium), then start this again."
        sys.exit(f"There is no Chromium here. {how}")
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
    parser = argparse.ArgumentParser(
        prog="scripts/screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    beginnings = "how the pictures' names begin; all if none is given"
    parser.add_argument("names", nargs="*", metavar="NAME", help=beginnings)
    default, where = ROOT / "var/screenshots", "where they are put (var/screenshots)"
    parser.add_argument("--to", type=Path, default=default, metavar="FOLDER", help=where)
    other = "a site that runs already, instead of one of its own"
    parser.add_argument("--of", metavar="URL", help=other)
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        url = asked.of
        if not url:
            room = tempfile.TemporaryDirectory(
                prefix="cg-screenshots-", dir="/tmp", ignore_cleanup_errors=True
            )
            folder = Path(stack.enter_context(room))
            folder.chmod(0o755)
            # With room for one sandbox, so that a second learner waits.
            site = stack.enter_context(Site(folder / "state", CACHEGROUND_ROOM="1"))
            url = f"http://127.0.0.1:{site.port}"
        playwright = stack.enter_context(sync_playwright())
        taken = photograph(playwright, url, asked.to, tuple(asked.names))
    size_mb = sum(path.stat().st_size for path in taken) / 1e6
    print(f"{len(taken)} pictures, {size_mb:.1f} MB, in {asked.to}")
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main())
