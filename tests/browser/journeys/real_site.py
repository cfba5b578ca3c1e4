"""The whole site as people start it: `scripts/serve` on a free port, with a state directory of its
own. Can be stopped, started again and robbed of its labs host.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from portal.serve.child import Child, Launch
from portal.settings import ROOT
from tests.processes import of_the_living
from tests.waiting import eventually

START_S = 90.0


@contextmanager
def real_site(environment: Mapping[str, str] | None = None) -> Iterator[RealSite]:
    """A site that runs, in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="cg-site-", dir="/tmp"))
    folder.chmod(0o755)
    site = RealSite(folder, environment)
    site.start()
    yield site
    site.stop()
    shutil.rmtree(folder, ignore_errors=True)


class RealSite:
    """One installation; its address stays while it is stopped and started."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._environment = {
            **os.environ,
            "CACHEGROUND_STATE": str(folder / "state"),
            **(environment or {}),
        }
        self._child: Child | None = None

    def start(self) -> None:
        """Start it; returns when it says Ready."""
        log = self._folder / "serve.log"
        log.unlink(missing_ok=True)
        self._child = Child(
            Launch(
                name="site",
                argv=[ROOT / "scripts/serve", "--port", str(self.port)],
                environment=self._environment,
                directory=ROOT,
                stop_s=30,
                death_signal=signal.SIGTERM,
            ),
            log,
        )

        def is_ready() -> bool:
            assert self._child is not None
            assert self._child.exit_code() is None, self._child.log_tail()
            return "Ready: " in log.read_text()

        eventually(is_ready, START_S, f"the start (see {log})")

    def stop(self) -> None:
        """Stop all of it."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill_the_labs_host(self) -> None:
        """As a machine that runs out of memory would."""
        assert self._child is not None
        children = psutil.Process(self._child.pid).children()
        for process, line in of_the_living(children, psutil.Process.cmdline).items():
            if "labs.host" in line:
                process.kill()
                return
        raise AssertionError("no labs host runs")
