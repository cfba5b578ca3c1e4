"""Every part of a site of its own killed with -9, one after the other, while learners answer a quiz
question and another one opens benches, over HTTP.

An answer that was not acknowledged is sent again with the same key, as a page does. What was
acknowledged is then counted in the database, and what the part left behind among the processes.
"""

from __future__ import annotations

import argparse
import http.client
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from portal.quizzes.answers import KEPT
from scripts.benchmarks.figures import CannotMeasure
from scripts.benchmarks.learner import Learner
from scripts.benchmarks.running import wait_until
from scripts.benchmarks.site import Site

QUESTION = "/lessons/why-a-cache/quiz/queries-left-at-95"
LAB = "cache-aside"
BACK_S = 60.0
LEFT_S = 6.0
NOT_ANSWERED = (CannotMeasure, OSError, http.client.HTTPException)
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """A process of a site: words of its command line or its name; `child` for a child of it."""

    words: tuple[str, ...]
    child: bool = False


PARTS = {
    "postgres": Part(("postgres", "-D", "portal/postgres")),
    "redis": Part(("redis-server", "cacheground-")),
    "recorder": Part(("-m", "portal", "recorder")),
    "web": Part(("gunicorn", "portal.wsgi")),
    "web-worker": Part(("gunicorn", "portal.wsgi"), child=True),
    "labs-host": Part(("labs.host", "--state")),
    "zygote": Part(("labs.host.zygote",)),
}


@dataclass(frozen=True, slots=True)
class Killed:
    """What came of the death of a part. Seconds are counted from the kill to the first request
    that was sent after it and succeeded.
    """

    part: str
    answered_s: float
    opened_s: float
    acknowledged: int
    stored: int
    left: tuple[str, ...]

    @property
    def problem(self) -> str:
        """What is not as it should be; empty if all is."""
        lost = "" if self.acknowledged == self.stored else "the answers differ"
        return lost or ("processes are left" if self.left else "")


class Visitor:
    """Does `act` again and again; `succeeded` is when the newest success was begun, and ended."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.begun = self.succeeded = 0.0
        self.problem = "nothing yet"

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(BACK_S)

    def wait_for_one_begun_after(self, moment: float, what: str) -> float:
        """Seconds from that moment to the end of the first success that began after it."""
        try:
            wait_until(lambda: self.begun > moment, BACK_S, what)
        except CannotMeasure as exc:
            raise CannotMeasure(f"{exc}; the last problem: {self.problem}") from exc
        return self.succeeded - moment

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self._act()
            except NOT_ANSWERED as exc:
                self.problem = str(exc)
            else:
                self.succeeded = time.monotonic()
                self.begun = begun
            self._stop.wait(PAUSE_S)


class Answers:
    """Learners' answers: each is sent with its key until it is acknowledged.

    Of one learner the newest attempts are kept, so another one goes on before any is deleted.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._learner = Learner(port)
        self._key = secrets.token_hex(16)
        self.acknowledged = 0

    def give(self) -> None:
        """Send the answer that waits."""
        self._learner.post(QUESTION, **{"value": "100", "form-key": self._key})
        self.acknowledged += 1
        self._key = secrets.token_hex(16)
        if self.acknowledged % KEPT == 0:
            self._learner = Learner(self._port)


class Benches:
    """A learner's benches: each is opened, asked for a PING, and closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._learner = Learner(port)

    def open(self) -> None:
        """Open one that answers."""
        learner = self._learner
        try:
            learner.open(LAB)
            said = learner.post(f"/sandboxes/{learner.sandbox}/console/cache", command="PING")
            if b"PONG" not in said:
                raise CannotMeasure("The bench is shown and its cache does not answer")
        finally:
            with suppress(*NOT_ANSWERED):
                learner.close()
            learner.sandbox = ""


def kill(site: Site, name: str) -> Killed:
    """Kill one part while learners work; what came of it."""
    before = _stored(site)
    with _learners(site.port) as (answers, answering, opening):
        answered_s, opened_s, left = _kill(site, PARTS[name], answering, opening)
    # The learners have stopped: no answer is under way.
    stored = _stored(site) - before
    return Killed(name, answered_s, opened_s, answers.acknowledged, stored, left)


def _kill(
    site: Site, sort: Part, answering: Visitor, opening: Visitor
) -> tuple[float, float, tuple[str, ...]]:
    family = site.family()
    part = _find(family, sort)
    killed_at = time.monotonic()
    part.kill()
    answered_s = answering.wait_for_one_begun_after(killed_at, "An answer after the kill")
    opened_s = opening.wait_for_one_begun_after(killed_at, "A bench after the kill")
    time.sleep(max(0.0, killed_at + LEFT_S - time.monotonic()))
    known = set(site.family())
    left = tuple(_line(one) for one in family if _lives(one) and one not in known)
    return answered_s, opened_s, left


def run(names: Iterable[str], say: Callable[[str], None]) -> list[Killed]:
    """What came of the death of each of these parts, one after the other."""
    found = []
    with tempfile.TemporaryDirectory(prefix="cacheground-kills-") as folder:
        Path(folder).chmod(0o711)
        with Site(Path(folder) / "var") as site:
            for name in names:
                killed = kill(site, name)
                say(_row(killed))
                found.append(killed)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if an answer was lost or a process was left."""
    parser = argparse.ArgumentParser(
        prog="scripts/kills",
        description="Kill every part of a running site; count what was lost and what was left.",
    )
    parser.add_argument("--parts", nargs="*", choices=tuple(PARTS), default=tuple(PARTS))
    asked = parser.parse_args(arguments)
    print(
        f"{'part':12} {'answers again':>14} {'bench again':>12} {'acknowledged':>13} stored  left"
    )
    found = run(asked.parts, lambda line: print(line, flush=True))
    for killed in found:
        for line in killed.left:
            print(f"left by {killed.part}: {line}")
    return 1 if any(killed.problem for killed in found) else 0


@contextmanager
def _learners(port: int) -> Iterator[tuple[Answers, Visitor, Visitor]]:
    """Two learners at work."""
    answers = Answers(port)
    with Visitor(answers.give) as answering, Visitor(Benches(port).open) as opening:
        now = time.monotonic()
        answering.wait_for_one_begun_after(now, "A first answer")
        opening.wait_for_one_begun_after(now, "A first bench")
        yield answers, answering, opening


def _find(family: list[psutil.Process], part: Part) -> psutil.Process:
    """The topmost process of a part, or its newest child."""
    for process in family:
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if all(word in line for word in part.words):
                return process.children()[-1] if part.child else process
    raise CannotMeasure(f"No process of the site has the words {' '.join(part.words)}")


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return f"{process.pid} {process.name()} {' '.join(process.cmdline())[:80]}"
    return str(process.pid)


def _stored(site: Site) -> int:
    """How many answers the database holds."""
    url = f"postgresql://cacheground@/cacheground?host={site.places.sockets}"
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM answer").fetchone()
    return int(row[0]) if row else 0


def _row(killed: Killed) -> str:
    return (
        f"{killed.part:12} {killed.answered_s:12.2f} s {killed.opened_s:10.2f} s "
        f"{killed.acknowledged:13,} {killed.stored:6,} {len(killed.left):5} {killed.problem}"
    )


if __name__ == "__main__":
    sys.exit(main())
