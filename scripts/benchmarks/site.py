"""A whole site of the bench's own: `scripts/serve` with a state directory that goes with the bench,
on a free port. The shop's template is shared.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from portal.serve.child import Child, Launch
from portal.serve.embedded import EmbeddedPostgres, EmbeddedRedis
from portal.serve.places import places_of
from portal.settings import ROOT
from scripts.benchmarks.figures import CannotMeasure
from scripts.benchmarks.running import free_port, wait_until
from scripts.benchmarks.visits import answers

START_S = 90.0
STOP_S = 30.0
SETTLED_S = 30.0
NOT_OURS = {
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TRUSTED_HOSTS", "TRUSTED_PROXIES"),
    *("CACHEGROUND_LESSONS", "CACHEGROUND_ROOM"),
}


class Site:
    """Runs while it is entered, with `pool` sandboxes in its pool and with these variables.

    Entered again it starts a second time, with the data of the first.
    """

    def __init__(self, state: Path, *, pool: int = 2, **variables: str) -> None:
        self.places = places_of(state)
        self.pool = pool
        self._variables = variables
        self.port = 0
        self.seconds_to_ready = 0.0
        self._child: Child | None = None

    def __enter__(self) -> Site:
        self.port = free_port()
        log = self.places.state.with_suffix(".log")
        log.unlink(missing_ok=True)
        began = time.monotonic()
        self._child = Child(
            Launch(
                name="site",
                argv=[ROOT / "scripts/serve", "--port", str(self.port)],
                environment=self.environment(),
                directory=ROOT,
                stop_s=STOP_S,
                death_signal=signal.SIGTERM,
            ),
            log,
        )
        try:
            wait_until(self._is_ready, START_S, "A site that says Ready", every_s=0.002)
        except BaseException:
            self._child.stop()
            raise
        self.seconds_to_ready = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def environment(self) -> dict[str, str]:
        """The variables of its processes: nothing of another site's."""
        ours = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        return {
            **ours,
            "CACHEGROUND_STATE": str(self.places.state),
            "CACHEGROUND_POOL": str(self.pool),
            **self._variables,
        }

    @contextlib.contextmanager
    def web(self, app: str, page: str, **more: str) -> Iterator[int]:
        """One more web on this site's Postgres and Redis, with the settings of its own web, that
        serves `app`; yields its port as soon as it answers for `page`.
        """
        portal, sockets, uid = self.places.portal, self.places.sockets, self.places.uid
        port = free_port()
        gunicorn = ["-m", "gunicorn", "-c", "python:portal.serve.gunicorn_settings"]
        child = Child(
            Launch(
                name="web",
                argv=[sys.executable, *gunicorn, "--bind", f"127.0.0.1:{port}", app],
                environment={
                    **self.environment(),
                    "DATABASE_URL": EmbeddedPostgres(portal / "postgres", sockets, uid=uid).url,
                    "REDIS_URL": EmbeddedRedis(portal / "redis", sockets, uid=uid).url,
                    "SECRET_KEY": self.places.secret(),
                    "HOME": str(portal),
                    **more,
                },
                directory=ROOT,
                uid=uid,
            ),
            self.places.logs / "bench-web.log",
        )
        try:
            wait_until(lambda: answers(port, page), 30.0, f"A web that serves {app}")
            yield port
        finally:
            child.stop()

    def settle(self, open_sandboxes: int = 0) -> None:
        """Wait until there are just these sandboxes and a full pool, all with a database that is
        up.
        """
        folder, wanted = self.places.host / "sandboxes", open_sandboxes + self.pool
        wait_until(
            lambda: (
                len(os.listdir(folder))
                == wanted
                == sum(self._has_database(monitor.pid) for monitor in self.monitors())
            ),
            SETTLED_S,
            f"A host with {wanted} sandboxes, pool included,",
        )

    def family(self) -> list[psutil.Process]:
        """Every process of the site, its own first."""
        assert self._child is not None
        site = psutil.Process(self._child.pid)
        return [site, *site.children(recursive=True)]

    def monitors(self) -> list[psutil.Process]:
        """The topmost process of each sandbox, those of the pool included."""
        assert self._child is not None
        for process in psutil.Process(self._child.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "cg-zygote":
                    return process.children()
        raise CannotMeasure("The labs host has no zygote: its isolation is none with processes.")

    def _has_database(self, monitor: int) -> bool:
        """True if a sandbox's database is up, which may be mounted for the sandbox alone."""
        folder = self.places.host / "sandboxes"
        return any(
            _is_up(Path(f"/proc/{monitor}/root{place}/database/data/postmaster.pid"))
            for place in folder.iterdir()
        )

    def _is_ready(self) -> bool:
        assert self._child is not None
        if self._child.exit_code() is not None:
            raise CannotMeasure(f"The site ended while it started: {self._child.log_tail()}")
        return b"Ready: " in self._child.log.read_bytes()


def _is_up(pid_file: Path) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"
