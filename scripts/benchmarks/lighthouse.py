"""Lighthouse’s four scores of each kind of page, on a phone with a slow network and a slow
processor as Lighthouse simulates them. It is no part of the site: without it, this is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.settings import ROOT
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, NotInstalled, Row, at_least, median
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.pages import known_learner, largest_lesson

ABOUT = (
    "the lowest of four scores on a simulated phone; then performance, accessibility, best "
    "practices and SEO"
)
VERSION = "12.2.3"
FOLDER = ROOT / "var/lighthouse"
HOW = f"npm install --prefix var/lighthouse --save-exact lighthouse@{VERSION}"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
TIMES = {
    "FCP": "first-contentful-paint",
    "LCP": "largest-contentful-paint",
    "TBT": "total-blocking-time",
    "SI": "speed-index",
    "CLS": "cumulative-layout-shift",
}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
FLAGS = (
    "--headless=new --no-first-run --disable-quic --disable-sync --disable-component-update "
    "--disable-background-networking --disable-shared-workers"
)
"""Lighthouse gives its cookie to the page and to no shared worker, which would ask in vain."""
RUN_S = 180.0
LOADED_MS = 20_000
"""How long Lighthouse waits for a page that is never silent: an open bench hears of its sandbox."""
WHOLE = 100.0
LAB = "cache-aside"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page: where one is, who looks at it, and what can't be asked of it."""

    name: str
    path: str
    cookie: str = ""
    without: tuple[str, ...] = ()
    why: str = ""


def measure(context: Context) -> Iterator[Row]:
    """Each kind of page, as often as the context says; the median of each score counts."""
    program, chromium = find_lighthouse(FOLDER), find_chromium()
    problems = []
    with context.site() as site:
        learner = Learner(site.port)
        for kind in _kinds(site.port, learner):
            context.say(f"the {kind.name} through Lighthouse")
            url = f"http://127.0.0.1:{site.port}{kind.path}"
            try:
                runs = [
                    look(program, chromium, url, kind, context.directory)
                    for _ in range(context.rounds(3, 1))
                ]
            except CannotMeasure as exc:
                problems.append(str(exc))
            else:
                yield row_of(kind, runs)
        learner.close()
    if problems:
        raise CannotMeasure("; ".join(problems))


def _kinds(port: int, learner: Learner) -> Iterator[Kind]:
    lesson, _ = largest_lesson(port)
    reader = known_learner(port, lesson)
    yield Kind("start page", "/")
    yield Kind("lesson", lesson)
    yield Kind("lab list", "/labs")
    yield Kind("lab, closed", f"/labs/{LAB}")
    learner.open(LAB)
    yield Kind("bench, open", f"/labs/{LAB}", learner.cookie)
    yield Kind("quiz", f"{lesson}/quiz", reader.cookie)
    yield Kind("You", "/me", reader.cookie)
    yield Kind("flights", "/flights")
    yield Kind(
        "error page",
        "/no-such-page",
        without=("best-practices", "seo"),
        why="the browser logs each 404, and none is for search engines",
    )


def find_lighthouse(folder: Path) -> Path:
    """The program, in this folder or on the PATH, of the version that the scores are compared with.
    NotInstalled says how to have it.
    """
    found = folder / "node_modules/.bin/lighthouse"
    path = str(found) if found.exists() else shutil.which("lighthouse")
    if path is None or shutil.which("node") is None:
        raise NotInstalled(f"Lighthouse is not installed. “{HOW}” brings it")
    asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=RUN_S)
    if (version := asked.stdout.strip()) != VERSION:
        raise NotInstalled(f"Lighthouse here is {version}. “{HOW}” brings {VERSION}")
    return Path(path)


def find_chromium() -> str:
    """The browser. NotInstalled if there is none."""
    for name in CHROMIUM:
        if found := shutil.which(name):
            return found
    raise NotInstalled("Chromium is not installed. scripts/test brings it, or your system does")


def look(program: Path, chromium: str, url: str, kind: Kind, directory: Path) -> dict[str, Any]:
    """Lighthouse’s report of one page. Raises CannotMeasure with its own words."""
    report = directory / "lighthouse.json"
    report.unlink(missing_ok=True)
    flags = FLAGS + (" --no-sandbox" if os.geteuid() == 0 else "")
    categories = [name for name in CATEGORIES if name not in kind.without]
    command = [
        *(str(program), url, "--quiet", "--output=json", f"--output-path={report}"),
        *(f"--chrome-flags={flags}", f"--only-categories={','.join(categories)}"),
        *("--ignore-status-code", f"--max-wait-for-load={LOADED_MS}"),
    ]
    if kind.cookie:
        command.append(f"--extra-headers={json.dumps({'Cookie': kind.cookie})}")
    environment = {**os.environ, "CHROME_PATH": chromium, "TMPDIR": str(directory)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=RUN_S
        )
        found: dict[str, Any] = json.loads(report.read_text())
    except subprocess.TimeoutExpired as exc:
        raise CannotMeasure(f"Lighthouse took over {RUN_S:g} s for the {kind.name}") from exc
    except (OSError, ValueError) as exc:
        raise CannotMeasure(f"Lighthouse made no report of the {kind.name}: {exc}") from exc
    if problem := found.get("runtimeError"):
        raise CannotMeasure(f"Lighthouse could not load the {kind.name}: {problem['message']}")
    if done.returncode:
        raise CannotMeasure(f"Lighthouse failed on the {kind.name}: {done.stderr[-200:]}")
    return found


def row_of(kind: Kind, runs: list[dict[str, Any]]) -> Row:
    """The lowest score, with all of them, the times behind them, and what cost points."""
    scores = {
        name: round(100 * median([run["categories"][name]["score"] for run in runs]))
        for name in CATEGORIES
        if name not in kind.without
    }
    columns = " ".join(f"{scores.get(name, '–'):>3}" for name in CATEGORIES)
    times = ", ".join(f"{short} {_middle(runs, audit)}" for short, audit in TIMES.items())
    notes = [columns, times]
    if lost := sorted({audit for run in runs for audit in _lost(run)}):
        notes.append(f"points lost: {', '.join(lost)}")
    if kind.why:
        notes.append(kind.why)
    return at_least(kind.name, min(scores.values()), "", WHOLE, "; ".join(notes))


def _middle(runs: list[dict[str, Any]], audit: str) -> str:
    value = median([run["audits"][audit]["numericValue"] for run in runs])
    return f"{value:.3f}" if audit == TIMES["CLS"] else f"{value:.0f} ms"


def _lost(run: dict[str, Any]) -> Iterator[str]:
    """The audits that count and are not perfect, of the categories that are not."""
    for name, category in run["categories"].items():
        if round(100 * category["score"]) == 100:
            continue
        for part in category["auditRefs"]:
            score = run["audits"][part["id"]]["score"]
            if part["weight"] and score is not None and score < 0.995:
                yield f"{name}: {part['id']}"
