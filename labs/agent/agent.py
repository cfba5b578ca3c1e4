"""The agent: the process inside a sandbox that runs its lab.

Takes calls from the labs host, sends events back, and ends when the host does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy

from labs import linux, wire
from labs.agent.calls import CALLS, Args, measurement_of
from labs.agent.turns import Turns
from labs.catalogue import catalogue, find
from labs.clients.address import Address
from labs.engines.postgres import Postgres
from labs.engines.registry import registry
from labs.errors import BadInput, LabsError, NotNow, as_data, has_ended
from labs.events import Entry, Event, MeasuringChanged, SandboxClosed, encode
from labs.load.forkserver import ForkServer, ProcessForkServer
from labs.network.links import Links, Network
from labs.runtime.process import ProcessRuntime
from labs.runtime.protocol import Runtime
from labs.sandbox.environment import Doubles, SandboxEnvironment
from labs.sandbox.part import Part
from labs.sandbox.sandbox import Sandbox
from labs.sandbox.server import Server
from labs.shop.template import copy as copy_template

log = logging.getLogger("labs.agent")
LOG_LENGTH = 4_000
CLOSING_S = 3.0
"""For calls that run when the sandbox is closed; the labs host waits five."""
LINKS_ENDED = "Your servers ended: the process that carries their links had ended."
AT_ONCE, SENT_PER_S = 200, 150
"""Messages. The host ends a sandbox that sends more than it may in a second (labs.host.connection),
so a busy one sends later.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent finds itself."""

    sandbox: str
    slot: int
    isolation: str
    directory: Path
    template: Path


def warm_up() -> None:
    """Import and build once what would cost each agent time: called in the process that agents are
    forked from.
    """
    for lab in catalogue().values():
        for part in lab.parts:
            kind = getattr(part, "func", part)  # a partial's class
            if isinstance(kind, type) and issubclass(kind, Part):
                kind.warm_up()
    sqlalchemy.create_engine("postgresql+psycopg://").dialect.identifier_preparer.quote("x")
    "localhost".encode("idna")


def run(sock: socket.socket, place: Place) -> NoReturn:
    """Be the agent of a sandbox until the host closes it or has ended."""
    linux.set_name("cg-agent")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    # What the agent forks must not speak for it.
    os.register_at_fork(after_in_child=sock.close)
    _write_to(place.directory / "log")
    runtime = ProcessRuntime(slot=place.slot, own_loopback=place.isolation == "cage")
    forkserver = ProcessForkServer()
    links = Links(place.directory, side_channel=forkserver)
    agent = Agent(sock, place, runtime=runtime, forkserver=forkserver, network=links)
    logging.getLogger().addHandler(_ToHost(agent))
    threading.Thread(target=agent.end_with, args=(links.pid,), name="links", daemon=True).start()
    agent.serve()
    os._exit(0)


def _write_to(path: Path) -> None:
    """Our output goes into the sandbox: the labs host's log is not a sandbox's to fill."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(descriptor, number)
    os.close(descriptor)


class _ToHost(logging.Handler):
    """Sends the labs host what the agent logs, cut short."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(logging.WARNING)
        self._agent = agent

    def emit(self, record: logging.LogRecord) -> None:
        self._agent.log(self.format(record)[-LOG_LENGTH:])


class Agent:
    """One thread reads calls, a few answer them, and all send on one socket."""

    def __init__(
        self,
        sock: socket.socket,
        place: Place,
        *,
        runtime: Runtime,
        forkserver: ForkServer,
        network: Network,
        doubles: Doubles | None = None,
    ) -> None:
        self._socket = sock
        self._place = place
        self._runtime = runtime
        self._forkserver = forkserver
        self._network = network
        self._doubles = doubles
        self._turns = Turns(self._say_what_is_measured)
        self._send_lock = threading.Lock()
        self._seq = 0
        self._sandbox: Sandbox | None = None
        self._database: Server | None = None
        self._secrets = {name: secrets.token_urlsafe(24) for name in ("cache", "database")}
        self._sender = threading.Thread(target=self._send_all, name="sender", daemon=True)
        self._outbound: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._own_calls: dict[str, Callable[[Args], Args]] = {
            "prepare": self._prepare,
            "open": self._open,
            "close": self._close,
        }

    def serve(self) -> None:
        """Answer calls until the stream ends."""
        self._sender.start()
        unpacker = wire.Unpacker()
        with ThreadPoolExecutor(8, thread_name_prefix="call") as pool:
            while (messages := wire.receive(self._socket, unpacker)) is not None:
                for message in messages:
                    pool.submit(self._answer, message)
            self._turns.close(0.0)
            self._end_everything()
            pool.shutdown(wait=False, cancel_futures=True)

    def end_with(self, pid: int) -> None:
        """Wait for the end of this child, without which the sandbox is of no use, and say so."""
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        if not self._turns.closing:
            self.emit(SandboxClosed(reason=LINKS_ENDED))
            self._outbound.put(None)
            self._sender.join(CLOSING_S)
            os._exit(1)

    def emit(self, event: Event) -> None:
        """Send an event with the next sequence number."""
        with self._send_lock:
            self._seq += 1
            self._outbound.put(wire.pack({"event": encode(Entry(self._seq, time.time(), event))}))

    def outcome(self, kind: str, name: str, status: str, data: dict[str, object]) -> None:
        """Send something that must not be lost; the host sees to that."""
        about = {"id": secrets.token_hex(16), "kind": kind, "name": name, "status": status}
        self._outbound.put(wire.pack({"outcome": about | {"data": data}}))

    def log(self, text: str) -> None:
        """Send a line for the labs host's log."""
        self._outbound.put(wire.pack({"log": text}))

    def _send_all(self) -> None:
        spare, filled = float(AT_ONCE), time.monotonic()
        while (frame := self._outbound.get()) is not None:
            now = time.monotonic()
            spare, filled = min(AT_ONCE, spare + (now - filled) * SENT_PER_S) - 1, now
            if spare < 0:
                time.sleep(-spare / SENT_PER_S)
            try:
                self._socket.sendall(frame)
            except OSError:
                return

    def _answer(self, message: dict[str, Any]) -> None:
        number, call, args = message.get("id"), str(message.get("call")), message.get("args") or {}
        try:
            reply: dict[str, Any] = {"id": number, "reply": self._call(call, args)}
        except Exception as exc:  # noqa: BLE001 - the edge of a call: its learner reads a sentence
            reply = {"id": number, "error": as_data(self._problem(call, exc))}
        self._outbound.put(wire.pack(reply))

    def _problem(self, call: str, exc: Exception) -> LabsError:
        """What the learner reads; what they need not read is logged."""
        if self._turns.closing:
            return has_ended()
        if isinstance(exc, LabsError):
            if exc.detail:
                log.warning("%s: %s: %s", call, exc, exc.detail)
            return exc
        log.error("the call %s failed", call, exc_info=exc)
        hint = "Try again, or reset it. Your progress is kept."
        return LabsError("Something went wrong in your sandbox.", hint=hint)

    def _call(self, call: str, args: Args) -> Args:
        if call in self._own_calls:
            return self._own_calls[call](args)
        if call not in CALLS:
            raise BadInput(f"A sandbox has no call {call[:40]!r}.")
        if self._sandbox is None:
            raise NotNow("This sandbox is not open yet.")
        with (
            self._turns.turn(call, measurement_of(self._sandbox.lab, call, args)),
            self._sandbox.guide.during_call(),
        ):
            return CALLS[call](self._sandbox, args)

    def _say_what_is_measured(self, running: str, waiting: list[str]) -> None:
        self._emit_if_open(MeasuringChanged(running=running, waiting=waiting))

    def _prepare(self, _args: Args) -> Args:
        """Have a database ready before it is known for which lab."""
        if self._database is None and self._doubles is None:
            self._database = self._new_database()
            self._database.start()
        return {}

    def _new_database(self) -> Server:
        """A database from the shop's template, not started."""
        directory = self._place.directory / "database"
        directory.mkdir(mode=0o700, exist_ok=True)
        if not (directory / "data").exists():  # it may have been laid out as an overlay
            copy_template(self._place.template, directory / "data")
        address = Address(self._runtime.host(1), self._runtime.port(registry["postgres"].port))
        engine = Postgres("database", address, directory, self._secrets["database"])
        log_file = directory / "log"
        return Server("database", engine, self._runtime, log=log_file, emit=self._emit_if_open)

    def _emit_if_open(self, event: Event) -> None:
        if self._sandbox is not None:
            self._sandbox.emit(event)

    def _open(self, args: Args) -> Args:
        lab = find(str(args["lab"]))
        if mutant := str(args.get("mutant") or ""):
            lab = lab.mutated(mutant)
        settings = lab.settings(args.get("settings") or {})
        if not lab.topology.of_engine("postgres"):
            if self._database is not None:
                # It was prepared before it was known for which lab.
                self._database.kill()
                self._database = None
        elif self._database is None and self._doubles is None:
            # The sandbox starts it together with its other servers.
            self._database = self._new_database()
        for node in lab.topology.nodes:
            self._secrets.setdefault(node.name, secrets.token_urlsafe(24))
        place = self._place.directory, self._place.template
        environment = SandboxEnvironment(*place, self._runtime, self._secrets, self._doubles)
        self._sandbox = sandbox = Sandbox(
            lab,
            settings,
            environment,
            forkserver=self._forkserver,
            network=self._network,
            database=self._database,
            emit=self.emit,
            outcome=self.outcome,
            met=[str(name) for name in args.get("met") or []],
        )
        sandbox.open()
        return {"versions": sandbox.versions()}

    def _close(self, args: Args) -> Args:
        self._turns.close(CLOSING_S)
        self._end_everything()
        self.emit(SandboxClosed(reason=str(args.get("reason") or "You closed this sandbox.")[:200]))
        return {}

    def _end_everything(self) -> None:
        with contextlib.suppress(Exception):
            if self._sandbox is not None:
                self._sandbox.close()
        with contextlib.suppress(Exception):
            self._runtime.close()
            self._network.close()
            self._forkserver.close()
        shutil.rmtree(self._place.directory, ignore_errors=True)
