"""Keeps sandboxes: opens them from a warm process, talks to their agents, ends them.

No Redis here: the labs host and the headless run share it.

A sandbox is hostile: frames are bounded in size and rate, events are checked field by field, and
one that misbehaves is ended.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import queue
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from labs import wire
from labs.agent.agent import Place
from labs.agent.fake_mode import run_fake
from labs.errors import BadInput, DidNotStart, LabsError, TooSlow, UnknownSandbox, from_data
from labs.events import Entry, decode
from labs.host.isolation import choose
from labs.host.order import Order
from labs.shop import template as shop_template

log = logging.getLogger("labs.keeper")

FIRST_UID = 61_001
SLOTS = 900
MESSAGES_PER_S = 500
BYTES_PER_S = 16 * 1024 * 1024
OUTCOMES = 2_000
FILES = 50_000
LOG_ENTRIES = 50
"""Of one sandbox: more than a person would read."""
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
    "LD_LIBRARY_PATH",
    "CACHEGROUND_ENGINES",
    "CACHEGROUND_LABS",
)
"""Of our environment, to the processes that become sandboxes: nothing that says where the portal's
servers are, or how to enter them.
"""
OPEN_DEADLINE_S = 20.0
ZYGOTE_DEADLINE_S = 20.0


@dataclass(slots=True)
class Sandboxed:
    """A sandbox as its host sees it."""

    id: str
    slot: int
    directory: Path
    sock: socket.socket
    on_event: Callable[[Entry], None]
    on_outcome: Callable[[dict[str, Any]], None]
    on_gone: Callable[[str], None]
    warden: int = 0
    gone: bool = False
    why: str = ""
    waiting: dict[int, Future[dict[str, Any]]] = field(default_factory=dict)
    unpacker: wire.Unpacker = field(default_factory=wire.Unpacker)
    last_seq: int = 0
    window: float = 0.0
    seen: int = 0
    heard_before: int = 0
    outcomes: int = 0
    logged: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Keeper:
    """Owns every sandbox of this process.

    `state` is a directory of its own; what an earlier keeper left there is swept.
    """

    def __init__(
        self, state: Path, *, isolation: str = "auto", template: Path | None = None, pool: int = 0
    ) -> None:
        self.isolation = choose(isolation)
        self._directory = state / "sandboxes"
        self._sweep()
        self._template = template or (
            Path() if self.isolation == "fake" else shop_template_directory()
        )
        self._numbers = itertools.count(1)
        self._free_slots = list(range(SLOTS, 0, -1))
        self._sandboxes: dict[str, Sandboxed] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._zygote = None if self.isolation == "fake" else _start_zygote(theirs)
        theirs.close()
        self._ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._is_ready = self.isolation == "fake"
        self._wake, wake_end = os.pipe()
        self._wake_end = wake_end
        self._selector.register(self._control, selectors.EVENT_READ, None)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._reader = threading.Thread(target=self._read, name="keeper", daemon=True)
        self._reader.start()
        self._pool_size = pool
        self._pool: list[Sandboxed] = []
        self._refill = threading.Event()
        if pool:
            self._refill.set()
            threading.Thread(target=self._fill_pool, name="pool", daemon=True).start()

    # Opening and ending

    def open(
        self,
        lab: str,
        settings: dict[str, Any],
        *,
        on_event: Callable[[Entry], None] = lambda _: None,
        on_outcome: Callable[[dict[str, Any]], None] = lambda _: None,
        on_gone: Callable[[str], None] = lambda _: None,
        wrong: str = "",
        sandbox_id: str = "",
    ) -> str:
        """A sandbox of this lab, ready; returns its id.

        Raises what kept it from opening, and then leaves nothing behind.
        """
        sandboxed = self._from_pool() or self._make()
        sandboxed.on_event, sandboxed.on_outcome, sandboxed.on_gone = on_event, on_outcome, on_gone
        if sandbox_id:
            with self._lock:
                del self._sandboxes[sandboxed.id]
                sandboxed.id = sandbox_id
                self._sandboxes[sandbox_id] = sandboxed
        try:
            self.call(
                sandboxed.id,
                "open",
                lab=lab,
                settings=settings,
                wrong=wrong,
                deadline_s=OPEN_DEADLINE_S,
            )
        except LabsError:
            self.end(sandboxed.id, "It did not open.")
            raise
        return sandboxed.id

    def call(
        self, sandbox: str, call: str, *, deadline_s: float = 12.0, **args: Any
    ) -> dict[str, Any]:
        """Have a sandbox do something; raises the LabsError that it raised, TooSlow, or
        UnknownSandbox.
        """
        sandboxed = self._find(sandbox)
        number, future = next(self._numbers), Future[dict[str, Any]]()
        sandboxed.waiting[number] = future
        try:
            frame = wire.pack({"id": number, "call": call, "args": args})
            with sandboxed.lock:
                sandboxed.sock.sendall(frame)
            return future.result(timeout=deadline_s)
        except TimeoutError:
            raise TooSlow(
                "Your sandbox did not answer in time.",
                hint="Try again; if it stays silent, open the lab anew. Your progress is kept.",
            ) from None
        except OSError as exc:
            raise UnknownSandbox(
                "There is no such sandbox.",
                hint="It has ended. Open the lab again: your progress is kept.",
                detail=str(exc),
            ) from exc
        finally:
            sandboxed.waiting.pop(number, None)

    def end(self, sandbox: str, why: str, *, gently: bool = False) -> None:
        """End a sandbox: nothing of it is left when this returns. Harmless if it has ended."""
        with self._lock:
            sandboxed = self._sandboxes.get(sandbox)
        if sandboxed is None:
            return
        sandboxed.why = sandboxed.why or why
        if gently:
            with contextlib.suppress(LabsError):
                self.call(sandbox, "close", reason=why, deadline_s=5.0)
        self._forget(sandboxed)

    def memory(self, sandbox: str, *, over: int = 0) -> int:
        """Bytes of memory of all processes of a sandbox, shared pages counted by share (PSS).

        Below `over` the cheaper, never smaller RSS.
        """
        sandboxed = self._find(sandbox)
        try:
            warden = psutil.Process(sandboxed.warden)
            processes = [warden, *warden.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        resident = 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                resident += process.memory_info().rss
        if resident <= over:
            return resident
        return sum(pss(process.pid) for process in processes)

    def disk(self, sandbox: str) -> int:
        """Bytes on the disk of all files of a sandbox.

        One that has files without end has bytes without end.
        """
        used = files = 0
        for folder, _, names in os.walk(self._find(sandbox).directory):
            files += 1 + len(names)
            if files > FILES:
                return sys.maxsize
            for name in names:
                with contextlib.suppress(OSError):
                    used += os.lstat(os.path.join(folder, name)).st_blocks * 512
        return used

    def processes(self, sandbox: str) -> list[psutil.Process]:
        """Every process of a sandbox, the warden first."""
        with contextlib.suppress(psutil.NoSuchProcess, UnknownSandbox):
            warden = psutil.Process(self._find(sandbox).warden)
            return [warden, *warden.children(recursive=True)]
        return []

    @property
    def ids(self) -> list[str]:
        """The sandboxes that live, without those of the pool."""
        with self._lock:
            pooled = {sandboxed.id for sandboxed in self._pool}
            return [name for name in self._sandboxes if name not in pooled]

    @property
    def pooled(self) -> int:
        """How many sandboxes wait in the pool."""
        return len(self._pool)

    def wait_ready(self, deadline_s: float = ZYGOTE_DEADLINE_S) -> None:
        """Return when the zygote is warm; DidNotStart if it isn't in time."""
        if self._is_ready:
            return
        try:
            self._is_ready = self._ready.get(timeout=deadline_s)
        except queue.Empty:
            raise DidNotStart("The labs' warm process did not start.") from None
        if not self._is_ready:
            raise DidNotStart("The labs' warm process ended while it started.")
        self._ready.put(True)

    def close(self) -> None:
        """End every sandbox and the zygote."""
        self._closed.set()
        self._refill.set()
        with self._lock:
            sandboxes = list(self._sandboxes.values())
        for sandboxed in sandboxes:
            _signal(sandboxed.warden, signal.SIGTERM)
        for sandboxed in sandboxes:
            self._forget(sandboxed)
        os.write(self._wake_end, b"x")
        self._reader.join(timeout=5)
        self._control.close()
        if self._zygote is not None:
            try:
                self._zygote.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait(timeout=5)
        self._selector.close()
        os.close(self._wake)
        os.close(self._wake_end)
        shutil.rmtree(self._directory, ignore_errors=True)

    # The pool

    def _from_pool(self) -> Sandboxed | None:
        with self._lock:
            while self._pool:
                sandboxed = self._pool.pop(0)
                self._refill.set()
                if not sandboxed.gone:
                    return sandboxed
        return None

    def _fill_pool(self) -> None:
        while not self._closed.is_set():
            self._refill.wait()
            self._refill.clear()
            while not self._closed.is_set() and len(self._pool) < self._pool_size:
                try:
                    sandboxed = self._make()
                    self.call(sandboxed.id, "prepare", deadline_s=OPEN_DEADLINE_S)
                except (LabsError, OSError):
                    if not self._closed.is_set():
                        log.exception("the pool could not be filled")
                        self._closed.wait(2.0)
                    continue
                with self._lock:
                    if not sandboxed.gone:
                        self._pool.append(sandboxed)

    # Making and forgetting

    def _make(self) -> Sandboxed:
        self.wait_ready()
        with self._lock:
            if not self._free_slots:
                raise DidNotStart("This machine has no room for another sandbox.")
            slot = self._free_slots.pop()
        sandbox = secrets.token_hex(16)
        directory = self._directory / secrets.token_hex(
            4
        )  # short: a socket's path below it has 107 bytes at most
        directory.mkdir(mode=0o700, parents=True)
        uid = FIRST_UID + slot if os.getuid() == 0 else None
        if uid is not None:
            os.chown(directory, uid, uid)
        ours, theirs = socket.socketpair()
        ours.settimeout(5.0)
        ignore: Callable[[Any], None] = lambda _: None  # noqa: E731
        sandboxed = Sandboxed(sandbox, slot, directory, ours, ignore, ignore, ignore)
        with self._lock:
            self._sandboxes[sandbox] = sandboxed
        if self.isolation == "fake":
            place = Place(sandbox, slot, "fake", directory, self._template)
            threading.Thread(
                target=run_fake, args=(theirs, place), name="fake agent", daemon=True
            ).start()
        else:
            self._order(sandboxed, theirs, uid)
        self._selector.register(ours, selectors.EVENT_READ, sandboxed)
        os.write(self._wake_end, b"x")
        return sandboxed

    def _order(self, sandboxed: Sandboxed, theirs: socket.socket, uid: int | None) -> None:
        order = Order(
            sandbox=sandboxed.directory.name,
            slot=sandboxed.slot,
            uid=uid,
            isolation=self.isolation,
            directory=str(sandboxed.directory),
            template=str(self._template),
        )
        with theirs:
            socket.send_fds(self._control, [json.dumps(asdict(order)).encode()], [theirs.fileno()])

    def _forget(self, sandboxed: Sandboxed) -> None:
        with self._lock:
            if sandboxed.gone:
                return
            sandboxed.gone = True
            self._sandboxes.pop(sandboxed.id, None)
            if sandboxed in self._pool:
                self._pool.remove(sandboxed)
                self._refill.set()
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sandboxed.sock)
        sandboxed.sock.close()
        for future in list(sandboxed.waiting.values()):
            if not future.done():
                future.set_exception(
                    UnknownSandbox(
                        "Your sandbox has ended.", hint="Open the lab again: your progress is kept."
                    )
                )
        self._end_warden(sandboxed.warden)
        shutil.rmtree(sandboxed.directory, ignore_errors=True)
        with self._lock:
            self._free_slots.append(sandboxed.slot)
        sandboxed.on_gone(sandboxed.why or "It ended by itself.")

    @staticmethod
    def _end_warden(warden: int) -> None:
        """The warden ends its family, reaps it and ends; only then may its user id and directory be
        given out again.
        """
        for number, deadline_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            _signal(warden, number)
            end = time.monotonic() + deadline_s
            while warden and time.monotonic() < end:
                if not _lives(warden):
                    return
                time.sleep(0.005)

    def _find(self, sandbox: str) -> Sandboxed:
        with self._lock:
            sandboxed = self._sandboxes.get(sandbox)
        if sandboxed is None or sandboxed.gone:
            raise UnknownSandbox(
                "There is no such sandbox.",
                hint="It may have ended. Open the lab again: your progress is kept.",
            )
        return sandboxed

    def _sweep(self) -> None:
        """What an earlier keeper left goes out of the way at once, and away in its own time."""
        if self._directory.exists():
            self._directory.rename(
                self._directory.with_name(f"{self._directory.name}-{secrets.token_hex(4)}")
            )
        old = list(self._directory.parent.glob(f"{self._directory.name}-*"))
        if old:
            threading.Thread(target=_remove, args=(old,), name="sweep", daemon=True).start()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o711)

    # Reading

    def _read(self) -> None:
        while not self._closed.is_set():
            for key, _ in self._selector.select(timeout=1.0):
                if key.fileobj == self._control:
                    self._hear_zygote()
                elif key.fileobj == self._wake:
                    os.read(self._wake, 4096)
                elif isinstance(key.data, Sandboxed):
                    self._hear(key.data)

    def _hear_zygote(self) -> None:
        data = self._control.recv(64 * 1024)
        if not data:
            self._ready.put(False)
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._control)
            return
        message = json.loads(data)
        if "ready" in message:
            self._ready.put(True)
        elif "warden" in message:
            with self._lock:
                sandboxed = self._by_directory(message["sandbox"])
            if sandboxed is not None:
                sandboxed.warden = message["warden"]

    def _by_directory(self, name: str) -> Sandboxed | None:
        """The sandbox made under this name: it may have been given another one since."""
        return next(
            (
                sandboxed
                for sandboxed in self._sandboxes.values()
                if sandboxed.directory.name == name
            ),
            None,
        )

    def _hear(self, sandboxed: Sandboxed) -> None:
        try:
            messages = wire.receive(sandboxed.sock, sandboxed.unpacker)
            if messages is None:
                self._end_from_reader(sandboxed, "It ended by itself.")
                return
            for message in messages:
                self._take(sandboxed, message)
        except OSError:
            self._end_from_reader(sandboxed, "It ended by itself.")
        # a sandbox chose the words: whatever they break is its own end, not that of all who share
        # this thread
        except Exception as exc:  # noqa: BLE001
            log.warning(
                "sandbox %s misbehaved:\n%s", sandboxed.id, _quoted(f"{type(exc).__name__}: {exc}")
            )
            self._end_from_reader(sandboxed, "Your sandbox misbehaved and was ended.")

    def _end_from_reader(self, sandboxed: Sandboxed, why: str) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sandboxed.sock)
        threading.Thread(target=self.end, args=(sandboxed.id, why), daemon=True).start()

    def _take(self, sandboxed: Sandboxed, message: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - sandboxed.window > 1.0:
            sandboxed.window, sandboxed.seen, sandboxed.heard_before = (
                now,
                0,
                sandboxed.unpacker.fed,
            )
        sandboxed.seen += 1
        if (
            sandboxed.seen > MESSAGES_PER_S
            or sandboxed.unpacker.fed - sandboxed.heard_before > BYTES_PER_S
        ):
            raise BadInput("More messages a second than a sandbox may send.")
        if "event" in message:
            entry = decode(message["event"])
            if entry.seq != sandboxed.last_seq + 1:
                raise BadInput("An event is out of order.")
            sandboxed.last_seq = entry.seq
            sandboxed.on_event(entry)
        elif "outcome" in message:
            sandboxed.outcomes += 1
            if sandboxed.outcomes > OUTCOMES:
                raise BadInput("More outcomes than a sandbox may have.")
            sandboxed.on_outcome(_checked_outcome(message["outcome"]))
        elif "log" in message:
            sandboxed.logged += 1
            if sandboxed.logged <= LOG_ENTRIES:
                log.warning("sandbox %s says:\n%s", sandboxed.id, _quoted(message["log"]))
        elif "failed" in message:
            log.error("sandbox %s failed:\n%s", sandboxed.id, _quoted(message.get("detail")))
            error = _error(message["failed"])
            for future in list(sandboxed.waiting.values()):
                if not future.done():
                    future.set_exception(error)
        else:
            number = message.get("id")
            waiting = sandboxed.waiting.get(number) if isinstance(number, int) else None
            if waiting is None or waiting.done():
                return
            if "error" in message:
                waiting.set_exception(_error(message["error"]))
            elif isinstance(message.get("reply"), dict):
                waiting.set_result(message["reply"])
            else:
                raise BadInput("A reply holds neither an answer nor an error.")


def _error(data: object) -> LabsError:
    if not isinstance(data, dict):
        raise BadInput("An error is an object.")
    return from_data({str(name): str(text)[:2000] for name, text in data.items()})


def _quoted(text: object) -> str:
    """A sandbox's own words, so that no line of them passes for one of ours."""
    printable = "".join(
        letter if letter.isprintable() or letter == "\n" else "?" for letter in str(text)[:4000]
    )
    return textwrap.indent(printable, "  | ", lambda _: True)


def _start_zygote(control: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "labs.host.zygote", str(control.fileno()), str(os.getpid())],
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
    )


def _signal(pid: int, number: int) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _remove(directories: list[Path]) -> None:
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def shop_template_directory() -> Path:
    """A current template of the shop, built if it is not there: `CACHEGROUND_TEMPLATE`, else
    var/template of the checkout.
    """
    directory = Path(
        os.environ.get("CACHEGROUND_TEMPLATE")
        or Path(__file__).resolve().parents[2] / "var" / "template"
    )
    shop_template.build(directory)
    return directory


def pss(pid: int) -> int:
    """Proportional set size of a process in bytes; 0 if it is gone."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _checked_outcome(outcome: object) -> dict[str, Any]:
    if not isinstance(outcome, dict) or set(outcome) != {"id", "kind", "name", "status", "data"}:
        raise BadInput("An outcome has an id, a kind, a name, a status and data.")
    for name in ("id", "kind", "name", "status"):
        if not isinstance(outcome[name], str) or len(outcome[name]) > 100:
            raise BadInput(f"An outcome's {name} is a short text.")
    if (
        outcome["kind"] not in ("check", "prediction")
        or not isinstance(outcome["data"], dict)
        or len(json.dumps(outcome["data"])) > 16_384
    ):
        raise BadInput("An outcome is about a check or a prediction.")
    return outcome
