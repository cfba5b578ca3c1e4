"""Servers as plain processes, each with a log.

Inside a cage they are started the same way: it only adds walls.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from labs import linux
from labs.environment import FOR_SERVERS
from labs.errors import DidNotStart, NotNow
from labs.runtime import fsync_listener
from labs.runtime.disk import Cut, Disk
from labs.runtime.launch import Launch

FIRST_PORT, LAST_PORT = 20_000, 32_000
MEMORY_OF_A_SERVER = 384 * 1024 * 1024
"""Of each process: a server refuses a statement or a script that needs more, and no other process
is affected.
"""
_SETPRIV = "/usr/bin/setpriv"


class RunningProcess:
    """A server process and its children."""

    def __init__(
        self, process: subprocess.Popen[bytes], launch: Launch, log: Path, disk: Disk | None = None
    ) -> None:
        self.disk = disk
        self._process = process
        self._launch = launch
        self._log = log
        self._lock = threading.RLock()
        self._left: list[psutil.Process] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        with self._lock:
            if self._process.returncode is None and _has_ended(self._process.pid):
                # Until it is reaped no other process gets its number, so every member of its group
                # is its child.
                self._left = _group(self._process.pid)
            return self._process.poll()

    def is_alive(self) -> bool:
        """True while it or a child that it left behind runs."""
        return self.poll() is None or any(_runs(member) for member in self._left)

    def stop(self, deadline_s: float = 5.0) -> None:
        self.resume()
        self._signal(self._launch.stop_signal)
        if not self._wait(deadline_s):
            self._end()

    def kill(self) -> None:
        self.resume()
        self._signal(self._launch.death_signal)
        if not self._wait(3.0):
            self._end()

    def cut_power(self, between_kill_and_cut: Callable[[], object] = lambda: None) -> list[Cut]:
        if self.disk is None or self.disk.problem:
            raise NotNow(
                self.disk.problem if self.disk else "It is not noted what this server syncs.",
                hint="A process crash can be shown all the same: kill it.",
            )
        family = self._family()
        with self._lock:
            if self.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._wait(5.0)
        self.end_children()
        psutil.wait_procs([*family, *self._left], timeout=0.5)
        between_kill_and_cut()
        if self.disk.problem:
            raise NotNow(
                self.disk.problem, hint="Its processes have ended all the same: start it again."
            )
        return self.disk.cut()

    def end_children(self) -> None:
        """End the children of a dead server: one that writes a snapshot outlives it.

        The group's number may be in use again, so psutil compares when each process began.
        """
        _each(self._left, psutil.Process.kill)

    def pause(self, deadline_s: float = 2.0) -> None:
        """Stop the process and its children; when this returns, none of them answers any more."""
        end = time.monotonic() + deadline_s
        while not self._are_stopped(self._family()):
            if time.monotonic() > end:
                self.resume()
                raise NotNow(
                    "The server could not be paused in time.",
                    hint="The machine is busy: try again.",
                )
            _each(self._family(), psutil.Process.suspend)
            time.sleep(0.001)

    @staticmethod
    def _are_stopped(family: list[psutil.Process]) -> bool:
        return all(linux.is_stopped(member.pid) for member in family)

    def resume(self) -> None:
        _each(self._family(), psutil.Process.resume)

    def log_tail(self, lines: int = 40) -> list[str]:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            return file.read().decode(errors="replace").splitlines()[-lines:]
        return []

    def _family(self) -> list[psutil.Process]:
        with self._lock:
            if self.poll() is not None:
                return [member for member in self._left if _runs(member)]
            try:
                parent = psutil.Process(self._process.pid)
                return [parent, *parent.children(recursive=True)]
            except psutil.NoSuchProcess:
                return []

    def _signal(self, number: int) -> None:
        with self._lock:
            if self.poll() is None:
                os.kill(self._process.pid, number)

    def _end(self) -> None:
        family = self._family()
        _each(family, psutil.Process.kill)
        self._wait(5.0)
        psutil.wait_procs(family, timeout=5.0)

    def _wait(self, deadline_s: float) -> bool:
        end = time.monotonic() + deadline_s
        pause_s = 0.001
        while self.poll() is None:
            if time.monotonic() > end:
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.02)
        return True


def _each(processes: Iterable[psutil.Process], action: Callable[[psutil.Process], object]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            action(process)


def _has_ended(pid: int) -> bool:
    """True if a child of ours has ended; it is not reaped by this."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _group(leader: int) -> list[psutil.Process]:
    """The living processes of a group, without its leader."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if pid != leader and os.getpgid(pid) == leader:
                found.append(psutil.Process(pid))
    return found


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _dies_with_parent(command: Iterable[str], launch: Launch) -> tuple[str, ...]:
    return (_SETPRIV, f"--pdeathsig={launch.death_signal.name[3:]}", "--", *command)


class ProcessRuntime:
    """Real processes under the user that runs this one.

    `own_loopback` says that the network namespace is the sandbox's alone: this is a cage, which
    ends every process in it when it ends. Without one, a server ends with this process.
    """

    def __init__(self, *, slot: int = 0, own_loopback: bool = False) -> None:
        self.name = "cage" if own_loopback else "process"
        self._slot = slot
        self._own_loopback = own_loopback
        # One thread starts every server: a parent-death signal follows the thread that spawned.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
        self._started: list[RunningProcess] = []
        self._given: set[int] = set()
        self._disks: dict[Path, Disk] = {}

    def host(self, index: int) -> str:
        if self._own_loopback:
            return f"127.0.0.{index + 1}"
        return f"127.{64 + self._slot // 250}.{self._slot % 250 + 1}.{index + 1}"

    def port(self, usual: int) -> int:
        return usual if self._own_loopback else self._free_port()

    def start(self, launch: Launch, log: Path) -> RunningProcess:
        for path, text in launch.files.items():
            path.touch(mode=0o600)
            path.write_text(text)
        disk = self._disk(launch.data)
        running = self._start(launch, log, disk, disk) or self._start(launch, log, disk, None)
        assert running is not None
        self._started.append(running)
        return running

    def _start(
        self, launch: Launch, log: Path, disk: Disk | None, traced: Disk | None
    ) -> RunningProcess | None:
        """Start a server, with its syncs traced; None if the tracer hangs, and was ended."""
        ours, theirs = socket.socketpair()
        command = fsync_listener.traced_argv(theirs, launch.argv) if traced else launch.argv
        argv = command if self._own_loopback else _dies_with_parent(command, launch)
        environment = {**FOR_SERVERS, **launch.env}

        def make() -> subprocess.Popen[bytes]:
            with log.open("ab") as out:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=log.parent,
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),) if traced else (),
                )
            with contextlib.suppress(OSError):
                resource.prlimit(
                    process.pid, resource.RLIMIT_AS, (MEMORY_OF_A_SERVER, MEMORY_OF_A_SERVER)
                )
            return process

        with ours:
            try:
                with theirs:
                    process = self._spawner.submit(make).result()
            except OSError as exc:
                raise DidNotStart(
                    f"{Path(launch.argv[0]).name} could not be executed.", detail=str(exc)
                ) from exc
            running = RunningProcess(process, launch, log, disk)
            if traced and not fsync_listener.listen(ours, traced, running.is_alive):
                running.kill()
                return None
        return running

    def close(self) -> None:
        for running in self._started:
            running.kill()
            running.end_children()
        self._started.clear()

    def _disk(self, data: Path | None) -> Disk | None:
        """The disk below a folder; it outlives the processes that write on it."""
        if data is None:
            return None
        if data not in self._disks:
            self._disks[data] = Disk(data, data.with_name(f"{data.name}-synced"))
        return self._disks[data]

    def _free_port(self) -> int:
        """A port without a listener at any address now: another labs host of this machine gives out
        the same addresses.

        Another process could take it before the server does: the server's log then says so.
        """
        for port in random.sample(range(FIRST_PORT, LAST_PORT), 1_000):
            if port in self._given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("", port))
                    self._given.add(port)
                    return port
        raise DidNotStart("No free port is left for a server.", hint="Close other sandboxes first.")
