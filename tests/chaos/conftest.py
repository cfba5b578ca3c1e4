"""A labs host as a process of its own, with a portal Redis of its own, that a test may kill as it
likes.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs.client import LabsClient
from labs.engines import binaries
from tests.waiting import WITHIN_S, eventually

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 61_000


class Machine:
    """A Redis and a labs host on one directory."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "redis.sock"
        self.host = None
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        self.redis_server = subprocess.Popen(
            [
                binaries.find("redis-server"),
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--unixsocketperm",
                "777",
                "--save",
                "",
                "--dir",
                directory,
            ],
            stdout=subprocess.DEVNULL,
            **user,
        )
        self.redis = Redis(
            unix_socket_path=str(self.socket),
            decode_responses=True,
            protocol=2,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )
        self.client = LabsClient(self.redis)
        eventually(self.answers)

    def answers(self):
        with contextlib.suppress(Exception):
            return self.redis.ping()
        return False

    def start_host(self, *options, **how):
        before = {host.id for host in self.client.hosts()}
        with (self.directory / "host.log").open("ab") as log:
            self.host = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "labs.host",
                    "--state",
                    str(self.directory / "state"),
                    *options,
                ],
                cwd=ROOT,
                env={**os.environ, "REDIS_URL": f"unix://{self.socket}"},
                stdout=subprocess.DEVNULL,
                stderr=log,
                **how,
            )
        # A new host makes a database template first.
        eventually(lambda: {host.id for host in self.client.hosts()} - before, 3 * WITHIN_S)

    def open(self, owner, lab="cache-aside", within_s=WITHIN_S, **settings):
        info = self.client.open(lab, owner=owner, settings=settings)
        eventually(lambda: self.status(info.id) not in ("queued", "opening"), within_s=within_s)
        return info.id

    def status(self, sandbox):
        return self.client.info(sandbox).status

    def family(self):
        """Everything that the host has started, at any depth."""
        return psutil.Process(self.host.pid).children(recursive=True)

    def log(self):
        """What the host has logged."""
        return (self.directory / "host.log").read_text()

    def directories(self):
        return sorted(path.name for path in (self.directory / "state").glob("sandboxes*/*"))

    def stop_host(self, number=signal.SIGTERM):
        self.host.send_signal(number)
        return self.host.wait(timeout=WITHIN_S)

    def close(self):
        if self.host is not None and self.host.poll() is None:
            self.stop_host()
        self.redis.close()
        self.redis_server.kill()
        self.redis_server.wait()


@contextlib.contextmanager
def a_machine():
    """A machine in a directory of its own, without a host until a test starts one."""
    directory = Path(tempfile.mkdtemp(prefix="cg-chaos-"))
    directory.chmod(0o777)
    machine = Machine(directory)
    try:
        yield machine
    finally:
        machine.close()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def machine():
    with a_machine() as machine:
        yield machine
