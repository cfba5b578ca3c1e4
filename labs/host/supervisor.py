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
from labs.host.isolation import check as check_isolation
from labs.host.pool import Pool
from labs.host.process import SandboxProcess
from labs.host.slots import Slots
from labs.host.spawn import READY_DEADLINE_S, SpawnRequest, Zygote
from labs.shop import template as shop_template

log = logging.getLogger("labs.supervisor")

OPEN_DEADLINE_S = 20.0
LONGEST_SOCKET = 107
"""Bytes of a unix socket's path, by the kernel. In a cage it is short wherever the cage lies."""
BELOW = "/12345678/database/data/.s.PGSQL.32000"
"""The longest that a sandbox has below the directory of sandboxes."""


class SandboxSupervisor:
    """Owns every sandbox of this process.

    `state` is a directory of its own; what an earlier supervisor left there is swept.
    """

    def __init__(self, state: Path, *, isolation: str = "auto", pool: int = 0) -> None:
        check_isolation(isolation)
        self._directory = state / "sandboxes"
        self._sweep()
        is_fake = isolation == "fake"
        self._template = Path() if is_fake else shop_template_directory()
        self._slots = Slots(own_users=os.getuid() == 0)
        self._sandboxes: dict[str, SandboxProcess] = {}
        self._lock = threading.RLock()
        self._zygote = (
            None
            if is_fake
            else Zygote(
                self._on_started,
                self._on_ended,
                isolation=isolation,
                layers=(state / "layers").resolve(),
                template=self._template,
            )
        )
        self._reader = Reader()
        if self._zygote is not None:
            self._reader.add(self._zygote.control, self._read_zygote)
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
        sandbox_id: str = "",
    ) -> str:
        """A sandbox of this lab, ready; returns its id.

        Raises what kept it from opening, and then leaves nothing behind.
        """
        try:
            sandbox = self._pool.take() or self._make()
            sandbox.on_gone = on_gone
            sandbox.connection.on_event, sandbox.connection.on_outcome = on_event, on_outcome
            if sandbox_id:
                with self._lock:
                    self._sandboxes.pop(sandbox.id, None)
                    sandbox.id = sandbox.connection.sandbox = sandbox_id
                    if not sandbox.gone:
                        self._sandboxes[sandbox_id] = sandbox
            args = {"lab": lab, "settings": settings, "mutant": mutant}
            try:
                self.call(sandbox.id, "open", deadline_s=OPEN_DEADLINE_S, **args)
            except LabsError:
                self.end(sandbox.id, "It did not open.")
                raise
            return sandbox.id
        finally:
            self._pool.opened()

    def call(
        self, sandbox: str, call: str, *, deadline_s: float = 12.0, **args: Any
    ) -> dict[str, Any]:
        """Have a sandbox do something; raises the LabsError that it raised, TooSlow, or
        UnknownSandbox.
        """
        return self.process(sandbox).connection.call(call, args, deadline_s)

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
        if self._zygote is None:
            return "fake"
        self._zygote.wait_ready()
        return self._zygote.isolation

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Return when the zygote is warm; DidNotStart if it isn't in time, or if sandboxes can
        have no sockets here.
        """
        if self._zygote is not None:
            self._zygote.wait_ready(deadline_s)
            directory, most = self._directory.absolute(), LONGEST_SOCKET - len(BELOW)
            if self._zygote.isolation == "process" and len(os.fsencode(directory)) > most:
                raise DidNotStart(
                    f"The path {directory} is too long for the sockets of sandboxes, which are no "
                    f"cages here: it has {len(os.fsencode(directory))} bytes, and may have {most}.",
                    hint="Move the checkout, or set CACHEGROUND_STATE to a shorter path.",
                )

    def close(self) -> None:
        """End every sandbox and the zygote."""
        self._pool.close()
        with self._lock:
            processes = list(self._sandboxes.values())
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            self._forget(process)
        if self._zygote is not None:
            self._zygote.close()
        self._reader.close()
        self._slots.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _make_prepared(self) -> SandboxProcess:
        process = self._make()
        self.call(process.id, "prepare", deadline_s=OPEN_DEADLINE_S)
        return process

    def _make(self) -> SandboxProcess:
        self.wait_ready()
        slot = self._slots.take()
        # A short name: a socket's path below it has 107 bytes at most.
        directory = self._directory / secrets.token_hex(4)
        directory.mkdir(mode=0o700, parents=True)
        uid = self._slots.uid(slot)
        if uid is not None:
            os.chown(directory, uid, uid)
        ours, theirs = socket.socketpair()
        sandbox = secrets.token_hex(16)
        process = SandboxProcess(sandbox, slot, directory, Connection(ours, sandbox))
        with self._lock:
            self._sandboxes[sandbox] = process
        if self._zygote is None:
            process.started.set()
            process.ended.set()
            process.all_ended = True
            place = Place(sandbox, slot, "fake", directory, self._template)
            threading.Thread(target=run_fake, args=(theirs, place), daemon=True).start()
        else:
            request = SpawnRequest(
                sandbox=directory.name,
                slot=slot,
                uid=uid,
                isolation=self.isolation,
                directory=str(directory),
                template=str(self._template),
            )
            self._zygote.spawn(request, theirs)
        self._reader.add(ours, lambda: self._read(process))
        return process

    def _forget(self, process: SandboxProcess) -> None:
        with self._lock:
            if process.gone:
                return
            process.gone = True
        self._pool.drop(process)
        process.connection.close()
        process.end()
        shared_memory.clear_below(process.directory)
        shutil.rmtree(process.directory, ignore_errors=True)
        self._slots.give_back(process.slot, all_ended=process.all_ended)
        with self._lock:
            self._sandboxes.pop(process.id, None)
        process.on_gone(process.why or "It ended by itself.")

    def _files_in_memory(self, process: SandboxProcess) -> int:
        if self._zygote is None or self._zygote.room is None or not process.monitor:
            return 0
        return overlay.used(process.monitor, self._zygote.room)

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

    def _read_zygote(self) -> bool:
        assert self._zygote is not None
        if self._zygote.on_readable():
            return True
        # Every monitor dies with the zygote.
        with self._lock:
            for process in self._sandboxes.values():
                process.started.set()
                process.ended.set()
        return False

    def _on_started(self, directory: str, monitor: int) -> None:
        if (process := self._made_in(directory)) is not None:
            process.monitor = monitor
            process.started.set()

    def _on_ended(self, directory: str, status: int) -> None:
        if (process := self._made_in(directory)) is not None:
            process.all_ended = status == 0
            process.ended.set()

    def _made_in(self, directory: str) -> SandboxProcess | None:
        """The sandbox with this directory: its id may have been changed since it was made."""
        with self._lock:
            processes = self._sandboxes.values()
            return next((one for one in processes if one.directory.name == directory), None)

    def _read(self, process: SandboxProcess) -> bool:
        try:
            if process.connection.read():
                return True
            why = "It ended by itself."
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
    """A current template of the shop, built if it is not there: `CACHEGROUND_TEMPLATE`, else
    var/template of the checkout.
    """
    usual = Path(__file__).resolve().parents[2] / "var" / "template"
    directory = Path(os.environ.get("CACHEGROUND_TEMPLATE") or usual)
    shop_template.build(directory)
    return directory
