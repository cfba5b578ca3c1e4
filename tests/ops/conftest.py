"""A copy of the checkout to start and kill.

As root it lies below a closed directory, as a home of mode 0700 is.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from portal.serve.places import Places, places_of
from tests.processes import lives, of_the_living, shared_memory
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    "var", ".venv", ".git", "__pycache__", ".*_cache", ".hypothesis"
)
ANSWER_S = 90.0
BUILT_S = 400.0
ORDINARY = 61_998


def copy_of_the_checkout(to: Path) -> Path:
    """The checkout without its state, with its environment."""
    shutil.copytree(ROOT, to, ignore=NOT_COPIED, symlinks=True)
    (to / ".venv").symlink_to((ROOT / ".venv").resolve())
    return to


@dataclass
class Run:
    """One run of scripts/serve: its process is the supervisor's own."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path
    started: float = field(default_factory=time.monotonic)

    def said(self) -> str:
        """All that it printed."""
        return self.output.read_text()

    def wait_ready(self, within_s: float = ANSWER_S) -> float:
        """Seconds from the start to `Ready`."""

        def there() -> bool:
            assert self.process.poll() is None, (
                f"it ended with {self.process.returncode}:\n{self.said()}"
            )
            return "Ready: " in self.said()

        eventually(there, within_s, "Ready")
        return time.monotonic() - self.started

    def family(self) -> list[psutil.Process]:
        """The supervisor and everything below it; empty if it has ended."""
        try:
            supervisor = psutil.Process(self.process.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def named(self, *words: str) -> psutil.Process | None:
        """The topmost process of the family whose command line has these words, or None."""
        lines = of_the_living(self.family(), lambda member: " ".join(member.cmdline()))
        return next(
            (member for member, line in lines.items() if all(word in line for word in words)), None
        )

    def stop(self) -> int:
        """End it politely; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@dataclass
class Checkout:
    """A checkout that can be started."""

    root: Path
    folder: Path
    runs: list[Run] = field(default_factory=list)
    become: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """Where it keeps its things."""
        return places_of(self.root / "var")

    def serve(
        self,
        *arguments: str,
        port: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Start scripts/serve."""
        chosen = port or free_port()
        output = self.folder / f"output-{len(self.runs)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*self.become, str(self.root / "scripts/serve"), "--port", str(chosen), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment, **(environment or {})},
                cwd="/",
            )
        run = Run(process, chosen, output)
        self.runs.append(run)
        return run

    def end(self) -> None:
        """Let nothing of it go on."""
        for run in self.runs:
            if run.process.poll() is None:
                run.stop()


@pytest.fixture(scope="session")
def ordinary(needs_root: None) -> Iterator[Checkout]:
    """A copy of the checkout that belongs to an ordinary user, who starts it. The first start has
    to make an environment: wait for it with BUILT_S.
    """
    folder = Path(tempfile.mkdtemp(prefix="cg-user-", dir="/tmp"))
    folder.chmod(0o755)
    checkout = Checkout(copy_of_the_checkout(folder / "checkout"), folder)
    subprocess.run(["chown", "-Rh", f"{ORDINARY}:{ORDINARY}", str(folder)], check=True)
    passwords = folder / "passwd"
    passwords.write_text(
        Path("/etc/passwd").read_text() + f"ordinary:x:{ORDINARY}:{ORDINARY}::{folder}:/bin/sh\n"
    )
    script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'
    become = "unshare --mount --propagation private -- sh -c".split()
    user = f"setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups --".split()
    checkout.become = (*become, script, "sh", str(passwords), *user)
    checkout.environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": ""}
    yield checkout
    checkout.end()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def needs_root() -> None:
    """Skip, and say so, where a test can't become somebody else or mount; in continuous integration
    that is a failure.
    """
    if os.geteuid() != 0:
        pytest.fail("root is missing") if os.environ.get("CI") else pytest.skip("root is missing")


@pytest.fixture(scope="module")
def copied() -> Iterator[Checkout]:
    """A copy of the checkout, the same for all tests of a file: only its first start has to make
    databases.
    """
    folder = Path(tempfile.mkdtemp(prefix="cg-ops-", dir="/tmp"))
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    yield Checkout(copy_of_the_checkout(closed / "checkout"), folder)
    shutil.rmtree(folder)


@pytest.fixture
def checkout(copied: Checkout) -> Iterator[Checkout]:
    """The copy, stopped when the test is over."""
    copied.runs.clear()
    yield copied
    copied.end()


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def takes_connections(port: int) -> bool:
    """True if somebody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def all_end(family: list[psutil.Process]) -> None:
    """Wait for the end of each of these: the kernel takes a moment to end a namespace of processes
    whose first one was killed.
    """
    eventually(lambda: living(family) == [], 6, "the end of all")


def living(family: list[psutil.Process]) -> list[str]:
    """Those that still run, as text; the dead that nobody buried do not count."""
    return [
        f"{member.pid} {name}"
        for member, name in of_the_living(family, psutil.Process.name).items()
        if lives(member)
    ]


@pytest.fixture
def fresh(server_folder: Path) -> Iterator[Path]:
    """A state directory in which nothing was started yet."""
    with tempfile.TemporaryDirectory(dir=server_folder, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name) / "var"


def left(state: Path) -> list[str]:
    """What a site with this state may leave outside of it: sockets, half a covered directory."""
    places = places_of(state)
    found = [*Path("/run").glob("cacheground-cover.*")]
    return [str(path) for path in (*found, places.sockets) if path.exists()]


def own_mounts() -> set[str]:
    """What is mounted for Cacheground: for a test that runs below a closed home, a cover of it."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return {mount for mount in mounts if "cacheground" in mount}


@dataclass
class Watched:
    """A run, with every process that was ever seen below it."""

    run: Run
    state: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=shared_memory)
    rooms: set[Path] = field(default_factory=lambda: set(Path("/tmp").glob("cg-shop-*")))
    mounts: set[str] = field(default_factory=own_mounts)

    def look(self) -> bool:
        """Note what runs now; True if anything does."""
        family = self.run.family()
        self.seen |= {member.pid: member for member in family}
        return bool(family)

    def memory(self) -> list[str]:
        """The segments of shared memory that its processes made, and that are there."""
        fresh = shared_memory().items() - self.before.items()
        return [segment for segment, maker in fresh if maker in self.seen]

    def ended(self) -> int:
        """The exit code; nothing of it may be left."""
        eventually(lambda: not self.look() or self.run.process.poll() is not None, 60, "its end")
        code = self.run.process.wait(60)
        eventually(lambda: living(list(self.seen.values())) == [], 10, "the end of all")
        eventually(lambda: left(self.state) == [], 10, f"nothing left: {left(self.state)}")
        assert self.memory() == []
        # Another site's labs host may build its shop now; what it builds in goes with the build.
        eventually(lambda: not set(Path("/tmp").glob("cg-shop-*")) - self.rooms, 60, "clean rooms")
        assert own_mounts() <= self.mounts
        return code


def started(checkout: Checkout, state: Path, *arguments: str, **environment: str) -> Watched:
    """A run with a state of its own."""
    settings = {"CACHEGROUND_STATE": str(state), **environment}
    return Watched(checkout.serve(*arguments, environment=settings), state)
