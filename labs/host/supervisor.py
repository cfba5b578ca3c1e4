"""Opens sandboxes, calls them and ends them.

No Redis here: the labs host and the headless run share it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from labs.agent.agent import Place
from labs.agent.fake_mode import run_fake
from labs.errors import DidNotStart, LabsError, UnknownSandbox, no_such_sandbox
from labs.events import Entry
from labs.host import budget, overlay, shared_memory
from labs.host.connection import Connection, Reader, quoted
from labs.host.isolation import check as check_isolation, check_sockets
from labs.host.pool import Pool
from labs.host.process import SandboxProcess
from labs.host.slots import Slots
from labs.host.spawn import READY_DEADLINE_S, SPAWN_DEADLINE_S, SpawnRequest, Zygote
from labs.host.zygotes import TRY_AGAIN, Zygotes
from labs.shop import building, template as shop_template

log = logging.getLogger("labs.supervisor")

OPEN_DEADLINE_S = 20.0
POOL_DEADLINE_S = 2.0
LOST = "Your servers ended: the labs lost the process that had started them."
BY_ITSELF = "Your servers ended by themselves."


class SandboxSupervisor:
    """Owns every sandbox of this process.

    `state` is a directory of its own; what an earlier supervisor left there is swept.
    """

    def __init__(
        self,
        state: Path,
        *,
        isolation: str = "auto",
        pool: int = 0,
        on_given_up: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`on_given_up` is called once, with the reason, if sandboxes can't be started any more."""
        check_isolation(isolation)
        self._directory = state / "sandboxes"
        self._sweep()
        is_fake = isolation == "fake"
        self._template = Path() if is_fake else shop_template_directory()
        self._slots = Slots(own_users=os.getuid() == 0)
        self._sandboxes: dict[str, SandboxProcess] = {}
        self._lock = threading.RLock()
        self._layers = (state / "layers").resolve()
        self._wanted, self._isolation = isolation, "fake" if is_fake else ""
        self._reader = Reader()
        self._zygotes = None if is_fake else Zygotes(self._start_zygote, on_given_up)
        self._pool = Pool(pool, self._make_prepared)

    def open(
        self,
        lab: str,
        settings: dict[str, Any],
        *,
        on_event: Callable[[Entry], None] = lambda _: None,
        on_outcome: Callable[[dict[str, Any]], None] = lambda _: None,
        on_gone: Callable[[str], None] = lambda _: None,
        mutant: str = "",
        met: tuple[str, ...] = (),
        sandbox_id: str = "",
    ) -> str:
        """A sandbox of this lab, ready; returns its id. `met` are checks that were met before.

        Raises what kept it from opening, and then leaves nothing behind.
        """
        try:
            sandbox = self._from_pool() or self._make()
            sandbox.on_gone = on_gone
            sandbox.connection.on_event, sandbox.connection.on_outcome = on_event, on_outcome
            if sandbox_id:
                with self._lock:
                    self._sandboxes.pop(sandbox.id, None)
                    sandbox.id = sandbox.connection.sandbox = sandbox_id
                    if not sandbox.gone:
                        self._sandboxes[sandbox_id] = sandbox
            args = {"lab": lab, "settings": settings, "mutant": mutant, "met": met}
            try:
                self.process(sandbox.id).connection.call("open", args, OPEN_DEADLINE_S)
            except LabsError:
                self.end(sandbox.id, "It did not open.")
                raise
            return sandbox.id
        finally:
            self._pool.opened()

    def call(
        self,
        sandbox: str,
        call: str,
        *,
        deadline_s: float = 12.0,
        more_s: Callable[[], float] = lambda: 0.0,
        **args: Any,
    ) -> dict[str, Any]:
        """Have a sandbox do something; raises the LabsError that it raised, TooSlow, or
        UnknownSandbox. `more_s` is asked at the deadline: the seconds that it gives do not count.
        """
        return self.process(sandbox).connection.call(call, args, deadline_s, more_s)

    def end(self, sandbox: str, why: str, *, gently: bool = False) -> None:
        """End a sandbox: nothing of it is left when this returns. Harmless if it has ended."""
        with self._lock:
            process = self._sandboxes.get(sandbox)
        if process is None:
            return
        process.why = process.why or why
        if gently:
            with contextlib.suppress(LabsError):
                self.call(sandbox, "close", reason=why, deadline_s=5.0)
        self._forget(process)

    def process(self, sandbox: str) -> SandboxProcess:
        """A living sandbox's process. Raises UnknownSandbox."""
        with self._lock:
            process = self._sandboxes.get(sandbox)
        if process is None or process.gone:
            raise no_such_sandbox()
        return process

    def memory(self) -> dict[str, int]:
        """Bytes of memory of each sandbox, its files in memory included, shared pages counted in
        full: never too little, and cheap for all together.
        """
        with self._lock:
            processes = [process for process in self._sandboxes.values() if process.monitor]
        used = budget.resident(
            {process.monitor: self._slots.uid(process.slot) for process in processes}
        )
        return {
            process.id: used.get(process.monitor, 0) + self._files_in_memory(process)
            for process in processes
        }

    def proportional_memory(self, sandbox: str) -> int:
        """Bytes of memory of one sandbox, its files in memory included, shared pages counted by
        share: exact, and dear.
        """
        in_files = self.files_in_memory(sandbox)
        return sum(budget.pss(process.pid) for process in self.processes(sandbox)) + in_files

    def disk(self, sandbox: str) -> int:
        """Bytes of all files of a sandbox, on the disk and in memory."""
        return budget.disk(self.process(sandbox).directory) + self.files_in_memory(sandbox)

    def files_in_memory(self, sandbox: str) -> int:
        """Bytes of a sandbox's files in memory; 0 if it has ended, or keeps none there."""
        try:
            return self._files_in_memory(self.process(sandbox))
        except UnknownSandbox:
            return 0

    def processes(self, sandbox: str) -> list[psutil.Process]:
        """Every process of a sandbox, its monitor first."""
        try:
            return self.process(sandbox).family()
        except UnknownSandbox:
            return []

    @property
    def isolation(self) -> str:
        """cage, process or fake: what was asked for, or with `auto` the strongest that works here.
        Waits until it is known.
        """
        if self._zygotes is not None and not self._isolation:
            self._isolation = self._zygotes.warm().isolation
        return self._isolation

    @property
    def is_ready(self) -> bool:
        """True if a sandbox could be started at once."""
        return self._zygotes is None or self._zygotes.is_warm

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Return when a zygote is warm; DidNotStart if none is in time, or if sandboxes can have no
        sockets here.
        """
        if self._zygotes is not None:
            zygote = self._zygotes.warm(deadline_s)
            check_sockets(self._directory, zygote.isolation)

    def close(self) -> None:
        """End every sandbox and the zygotes."""
        self._pool.close()
        with self._lock:
            processes = list(self._sandboxes.values())
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            self._forget(process)
        if self._zygotes is not None:
            self._zygotes.close()
        self._reader.close()
        self._slots.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _from_pool(self) -> SandboxProcess | None:
        """One of the pool that answers, if there is one: those that wait there may die or hang."""
        process = self._pool.take()
        try:
            if process is not None:
                self.call(process.id, "prepare", deadline_s=POOL_DEADLINE_S)
        except LabsError as exc:
            assert process is not None
            log.warning("a sandbox of the pool did not answer: %s", exc)
            threading.Thread(target=self.end, args=(process.id, str(exc)), daemon=True).start()
            return None
        return process

    def _make_prepared(self) -> SandboxProcess:
        process = self._make()
        self.call(process.id, "prepare", deadline_s=OPEN_DEADLINE_S)
        return process

    def _make(self) -> SandboxProcess:
        zygote = self._zygotes.warm() if self._zygotes is not None else None
        slot = self._slots.take()
        # A short name: the path of a socket lies below it.
        directory = self._directory / secrets.token_hex(4)
        directory.mkdir(mode=0o700, parents=True)
        uid = self._slots.uid(slot)
        if uid is not None:
            os.chown(directory, uid, uid)
        ours, theirs = socket.socketpair()
        sandbox = secrets.token_hex(16)
        process = SandboxProcess(sandbox, slot, directory, Connection(ours, sandbox), zygote)
        with self._lock:
            self._sandboxes[sandbox] = process
        self._reader.add(ours, lambda: self._read(process))
        if zygote is None:
            process.started.set()
            process.ended.set()
            process.all_ended = True
            place = Place(sandbox, slot, "fake", directory, self._template)
            threading.Thread(target=run_fake, args=(theirs, place), daemon=True).start()
        else:
            self._spawn(process, zygote, uid, theirs)
        return process

    def _spawn(
        self, process: SandboxProcess, zygote: Zygote, uid: int | None, agent_end: socket.socket
    ) -> None:
        """Have its monitor started. Raises DidNotStart, and leaves nothing of it behind."""
        request = SpawnRequest(
            sandbox=process.directory.name,
            slot=process.slot,
            uid=uid,
            isolation=zygote.isolation,
            directory=str(process.directory),
            template=str(self._template),
        )
        detail = ""
        try:
            zygote.spawn(request, agent_end)
            process.started.wait(SPAWN_DEADLINE_S)
        except OSError as exc:
            detail = str(exc)
        if process.monitor:
            return
        assert self._zygotes is not None
        has_answered = process.ended.is_set()
        if not has_answered and not zygote.has_ended:
            self._zygotes.silent(zygote)
        process.started.set()
        process.ended.set()
        self._forget(process)
        raise DidNotStart("The labs could not start your servers.", hint=TRY_AGAIN, detail=detail)

    def _forget(self, process: SandboxProcess) -> None:
        with self._lock:
            if process.gone:
                return
            process.gone = True
        self._pool.drop(process)
        process.connection.close()
        process.end()
        zygote = process.zygote
        if zygote and zygote.isolation == "process" and self._slots.uid(process.slot) is None:
            # Only there is no wall: behind one, its files say what a hostile sandbox wants.
            shared_memory.clear_below(process.directory)
        shutil.rmtree(process.directory, ignore_errors=True)
        self._slots.give_back(process.slot, all_ended=process.all_ended)
        with self._lock:
            self._sandboxes.pop(process.id, None)
            unused = all(other.zygote is not zygote for other in self._sandboxes.values())
        if zygote is not None and unused and self._zygotes is not None:
            self._zygotes.unused(zygote)
        process.on_gone(process.why or BY_ITSELF)

    def _files_in_memory(self, process: SandboxProcess) -> int:
        zygote = process.zygote
        if zygote is None or zygote.room is None or not process.monitor:
            return 0
        return overlay.used(process.monitor, zygote.room)

    def _sweep(self) -> None:
        """What an earlier supervisor left goes out of the way at once, and away in its own time."""
        if self._directory.exists():
            other = self._directory.with_name(f"{self._directory.name}-{secrets.token_hex(4)}")
            self._directory.rename(other)
        old = list(self._directory.parent.glob(f"{self._directory.name}-*"))
        if old:
            threading.Thread(target=_remove, args=(old,), name="sweep", daemon=True).start()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o711)

    def _start_zygote(self) -> Zygote:
        zygote = Zygote(
            self._on_started,
            self._on_ended,
            isolation=self._wanted,
            layers=self._layers,
            template=self._template,
        )
        self._reader.add(zygote.control, lambda: self._read_zygote(zygote))
        return zygote

    def _read_zygote(self, zygote: Zygote) -> bool:
        if zygote.on_readable():
            return True
        # Every monitor dies with its zygote, and each agent's stream then ends: `_read` sees it.
        with self._lock:
            lost = [one for one in self._sandboxes.values() if one.zygote is zygote]
            for process in lost:
                process.why = process.why or LOST
                process.started.set()
                process.ended.set()
        if self._zygotes is not None:
            self._zygotes.ended(zygote, lost=len(lost))
        return False

    def _on_started(self, directory: str, monitor: int) -> None:
        if (process := self._made_in(directory)) is not None:
            process.monitor = monitor
            process.started.set()

    def _on_ended(self, directory: str, status: int) -> None:
        if (process := self._made_in(directory)) is not None:
            process.all_ended = status == 0
            process.ended.set()
            process.started.set()  # there was none if the zygote could not fork

    def _made_in(self, directory: str) -> SandboxProcess | None:
        """The sandbox with this directory: its id may have been changed since it was made."""
        with self._lock:
            processes = self._sandboxes.values()
            return next((one for one in processes if one.directory.name == directory), None)

    def _read(self, process: SandboxProcess) -> bool:
        try:
            if process.connection.read():
                return True
            why = BY_ITSELF
        # A sandbox chose the words: whatever they break is its own end, not that of all that share
        # this thread.
        except Exception as exc:  # noqa: BLE001
            log.warning(
                "sandbox %s misbehaved:\n%s", process.id, quoted(f"{type(exc).__name__}: {exc}")
            )
            why = "Your sandbox misbehaved and was ended."
        threading.Thread(target=self.end, args=(process.id, why), daemon=True).start()
        return False


def _remove(directories: list[Path]) -> None:
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def shop_template_directory() -> Path:
    """A current template of the shop, built if it is not there."""
    directory = building.template_directory()
    shop_template.build(directory)
    return directory
