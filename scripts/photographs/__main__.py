"""Photographs of the whole site: each page in its telling states, with readings of real servers,
light and dark, wide, on a phone, on the wall.

scripts/screenshots                       all of them, into var/screenshots/
scripts/screenshots bench-load lesson-3   those whose name begins so
scripts/screenshots --to docs/screenshots lesson-3-step failover-after
                                          those that the README shows
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from portal.settings import ROOT
from scripts.benchmarks.site import Site
from scripts.photographs.benches import (
    backups,
    benches,
    comparisons,
    durability,
    failover,
    race,
    relief,
    replicas,
    sessions,
)
from scripts.photographs.camera import Photographer
from scripts.photographs.pages import accounts, course, lessons, more_lessons, others, quiz

STORIES: dict[Callable[[Photographer, BrowserContext], None], tuple[str, ...]] = {
    course: ("course-new",),
    lessons: ("lesson-", "course-begun", "labs-", "bench-taken"),
    benches: ("bench-none", "bench-step", "bench-load", "bench-break", "bench-ended"),
    relief: ("bench-relief", "bench-queued"),
    race: ("race-",),
    sessions: ("sessions-",),
    comparisons: ("strategies-", "invalidation-", "eviction-", "write-through-load"),
    durability: ("durability-",),
    backups: ("backup-restore-",),
    failover: ("failover-",),
    replicas: ("read-replicas-",),
    more_lessons: ("lesson-4", "lesson-5", "lesson-6", "lesson-7", "lesson-8"),
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
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        sys.exit(
            "There is no Chromium here. Install one (apt-get install chromium), then start this "
            "again."
        )
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
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="how the pictures' names begin; all if none is given",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=ROOT / "var/screenshots",
        metavar="FOLDER",
        help="where they are put (var/screenshots)",
    )
    parser.add_argument(
        "--of", metavar="URL", help="a site that runs already, instead of one of its own"
    )
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
                    taken = photograph(
                        playwright, f"http://127.0.0.1:{site.port}", asked.to, tuple(asked.names)
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{len(taken)} pictures, {sum(path.stat().st_size for path in taken) / 1e6:.1f} MB, in "
        f"{asked.to}"
    )
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main())
