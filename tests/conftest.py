"""For every test: an environment without settings of the developer's, and nothing left behind: no
process, no listening socket.

Also private servers of the portal's own kind, made by what makes them in production.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from portal.serve.child import Child
from portal.serve.embedded import EmbeddedPostgres, EmbeddedRedis
from portal.serve.places import SERVICE_UID
from tests.waiting import eventually

OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "TRUSTED_HOSTS",
    "TRUSTED_PROXIES",
    "CACHEGROUND_STATE",
    "CACHEGROUND_LESSONS",
    "CACHEGROUND_ISOLATION",
    "CACHEGROUND_POOL",
    "CACHEGROUND_ROOM",
)
LEAVE_S = 5.0


def pytest_configure(config: pytest.Config) -> None:
    """Forget the developer's settings."""
    for name in OURS:
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def unchanged_environment() -> Iterator[None]:
    """What a test does to the environment ends with it."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which a process or a listening socket is there that was not there before.

    A process is a leak if it is a new child of this one and none of the same command line has ended
    for it: a server that was restarted is no leak, and what a server of a wider fixture does below
    itself is its own affair.
    """
    children, listening = _children(), _listening()
    yield
    _await_none(lambda: _new(children, _children()), "processes")
    _await_none(lambda: _listening() - listening, "listening sockets")


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short directory in which private servers may live, whatever user they run under, and labs
    may lie that sandboxes of other users read.

    It isn't pytest's: each session of pytest that starts shuts the folder of all sessions again.
    """
    folder = Path(tempfile.mkdtemp(prefix="cg-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service_uid() -> int:
    """The user that the portal's servers run under: the service's own as root, else oneself."""
    return SERVICE_UID if os.geteuid() == 0 else os.geteuid()


@pytest.fixture(scope="session")
def embedded_postgres(server_folder: Path, service_uid: int) -> Iterator[EmbeddedPostgres]:
    """A running Postgres of the tests' own with an empty database."""
    sockets = _socket_folder(server_folder / "p", service_uid)
    postgres = EmbeddedPostgres(
        server_folder / "state/portal/postgres", sockets, uid=service_uid, durable=False
    )
    _socket_folder(postgres.data.parent, service_uid)
    child = Child(postgres.launch(), server_folder / "postgres.log")
    eventually(lambda: postgres.answers(child.pid), what=f"the start of Postgres: {child.log}")
    yield postgres
    child.stop()


@pytest.fixture(scope="session")
def embedded_redis(server_folder: Path, service_uid: int) -> Iterator[EmbeddedRedis]:
    """A running portal Redis of the tests' own."""
    sockets = _socket_folder(server_folder / "r", service_uid)
    redis = EmbeddedRedis(sockets / "data", sockets, uid=service_uid)
    child = Child(redis.launch(), server_folder / "redis.log")
    eventually(redis.answers, what=f"the start of Redis: {child.log}")
    yield redis
    child.stop()


@pytest.fixture
def needs() -> Callable[[bool, str], None]:
    """needs(there, what): skip the test where something is missing; in continuous integration that
    is a failure.
    """

    def check(there: bool, what: str) -> None:
        if there:
            return
        if os.environ.get("CI"):
            pytest.fail(f"{what} is missing")
        pytest.skip(f"{what} is missing")

    return check


def _await_none(left: Callable[[], Iterable[str]], kind: str) -> None:
    """Fail if the test left some of these behind."""
    with contextlib.suppress(AssertionError):
        eventually(lambda: not list(left()), LEAVE_S)
    if found := sorted(left()):
        pytest.fail(f"The test left {kind} behind: {', '.join(found)}")


def _socket_folder(folder: Path, uid: int) -> Path:
    folder.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        os.chown(folder, uid, uid)
    return folder


def _new(before: dict[int, str], now: dict[int, str]) -> list[str]:
    """The command lines of the processes that are there now and neither were before nor replace one
    that was.

    Processes are told apart by their ids: one that a wider fixture has just started has no command
    line for a moment, or its parent's.
    """
    came = Counter(name for pid, name in now.items() if pid not in before)
    went = Counter(name for pid, name in before.items() if pid not in now)
    return list((came - went).elements())


def _children() -> dict[int, str]:
    """Our children that live: process id to command line."""
    found: dict[int, str] = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            pids = [int(pid) for pid in (task / "children").read_text().split()]
        except OSError:
            continue
        # multiprocessing's tracker of resources lives as long as the process that first needed it.
        found |= {
            pid: _name(pid)
            for pid in pids
            if _state(pid) not in ("Z", "X", "") and "resource_tracker" not in _name(pid)
        }
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")[:200]
        )
    except OSError:
        return "gone"


def _listening() -> set[str]:
    """The listening TCP sockets of this process."""
    mine = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            mine.add(os.readlink(entry))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            parts = line.split()
            if parts[3] == "0A" and f"socket:[{parts[9]}]" in mine:
                found.add(f"port {int(parts[1].rpartition(':')[2], 16)}")
    return found


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
