"""The agent: the process that is a sandbox's inside.

Takes calls from the labs host, tells events back, and ends when the host does.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy

from labs import linux, wire
from labs.catalogue import catalogue, find
from labs.engines import Postgres
from labs.engines.address import Address
from labs.errors import BadInput, LabsError, NotNow, as_data
from labs.events import Ending, Entry, Event, Happened, Measured, SandboxClosed, encode
from labs.load.nursery import Nursery
from labs.network.links import Links
from labs.runtime.fake import FakeLinks, FakeNursery, FakeRuntime
from labs.runtime.process import ProcessRuntime
from labs.runtime.protocol import Runtime
from labs.sandbox.housing import USUAL_PORTS, Quarters
from labs.sandbox.sandbox import Sandbox
from labs.sandbox.server import Server
from labs.shop.template import copy as copy_template

log = logging.getLogger("labs.agent")
LOG_LENGTH = 4_000
STEPPED_PRICE = 24.90
AT_ONCE, SENT_PER_S = 200, 150
"""A sandbox that says more than its host hears in a second (labs.host.connection) is ended: what is
busy says it later.
"""
Args = dict[str, Any]


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
    catalogue()
    sqlalchemy.create_engine("postgresql+psycopg://").dialect.identifier_preparer.quote("x")
    "localhost".encode("idna")


def run(sock: socket.socket, place: Place) -> NoReturn:
    """Be the agent of a sandbox until the host says close or is gone."""
    linux.set_name("cg-agent")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    # What the agent forks must not speak for it.
    os.register_at_fork(after_in_child=sock.close)
    _write_to(place.directory / "log")
    runtime = ProcessRuntime(slot=place.slot, own_loopback=place.isolation == "cage")
    nursery = Nursery()
    agent = Agent(
        sock, place, runtime=runtime, nursery=nursery, links=Links(place.directory, lodger=nursery)
    )
    logging.getLogger().addHandler(_ToHost(agent))
    agent.serve()
    os._exit(0)


def _write_to(path: Path) -> None:
    """Our output goes into the sandbox: the labs host's log is not a sandbox's to fill."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(descriptor, number)
    os.close(descriptor)


class _ToHost(logging.Handler):
    """Tells the labs host what the agent logs, cut short."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(logging.WARNING)
        self._agent = agent

    def emit(self, record: logging.LogRecord) -> None:
        self._agent.log(self.format(record)[-LOG_LENGTH:])


def run_fake(sock: socket.socket, place: Place) -> None:
    """Be the agent of a sandbox without processes, in the calling thread, until the host says close
    or is gone.
    """
    runtime = FakeRuntime()
    with sock:
        Agent(
            sock, place, runtime=runtime, nursery=FakeNursery(runtime.pretence), links=FakeLinks()
        ).serve()


class Agent:
    """One thread reads calls, a few answer them, and all send on one socket."""

    def __init__(
        self,
        sock: socket.socket,
        place: Place,
        *,
        runtime: Runtime,
        nursery: Nursery | FakeNursery,
        links: Links | FakeLinks,
    ) -> None:
        self._socket = sock
        self._place = place
        self._runtime = runtime
        self._nursery = nursery
        self._links = links
        self._send_lock = threading.Lock()
        self._seq = 0
        self._sandbox: Sandbox | None = None
        self._database: Server | None = None
        self._secrets = {name: secrets.token_urlsafe(24) for name in ("cache", "database")}
        self._outbound: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._calls: dict[str, Callable[[Args], Args]] = {
            "prepare": self._prepare,
            "open": self._open,
            "set": self._set,
            "action": self._action,
            "server": self._server,
            "link": self._link,
            "step": self._step,
            "load": self._load,
            "console": self._console,
            "complete": self._complete,
            "log": self._log,
            "measure": self._measure,
            "record": self._record,
            "reset": self._reset,
            "play": self._play,
            "warn": self._warn,
            "close": self._close,
        }

    def serve(self) -> None:
        """Answer calls until the stream ends."""
        sender = threading.Thread(target=self._send_all, name="sender", daemon=True)
        sender.start()
        unpacker = wire.Unpacker()
        with ThreadPoolExecutor(8, thread_name_prefix="call") as pool:
            while (messages := wire.receive(self._socket, unpacker)) is not None:
                for message in messages:
                    pool.submit(self._answer, message)
            self._end_everything()
            pool.shutdown(wait=False, cancel_futures=True)

    # Sending

    def tell(self, event: Event) -> None:
        """Send an event with the next sequence number."""
        with self._send_lock:
            self._seq += 1
            self._outbound.put(wire.pack({"event": encode(Entry(self._seq, time.time(), event))}))

    def outcome(self, kind: str, name: str, status: str, data: dict[str, object]) -> None:
        """Send something that must not be lost; the host sees to that."""
        self._outbound.put(
            wire.pack(
                {
                    "outcome": {
                        "id": secrets.token_hex(16),
                        "kind": kind,
                        "name": name,
                        "status": status,
                        "data": data,
                    }
                }
            )
        )

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
            reply: dict[str, Any] = {"id": number, "reply": self._calls[call](args)}
        except LabsError as exc:
            if exc.detail:
                log.warning("%s: %s: %s", call, exc, exc.detail)
            reply = {"id": number, "error": as_data(exc)}
        except KeyError:
            reply = {
                "id": number,
                "error": as_data(BadInput(f"A sandbox does not know the call {call[:40]!r}.")),
            }
        except Exception:
            log.exception("the call %s failed", call)
            reply = {
                "id": number,
                "error": as_data(
                    LabsError(
                        "Something went wrong in your sandbox.",
                        hint="Try again, or reset it. Your progress is kept.",
                    )
                ),
            }
        self._outbound.put(wire.pack(reply))

    # Opening

    def _prepare(self, _args: Args) -> Args:
        """Have a database ready before it is known for which lab."""
        if self._database is None and self._place.isolation != "fake":
            directory = self._place.directory / "database"
            directory.mkdir(mode=0o700, exist_ok=True)
            if not (directory / "data").exists():
                copy_template(self._place.template, directory / "data")
            address = Address(self._runtime.host(1), self._runtime.port(USUAL_PORTS["postgres"]))
            engine = Postgres("database", address, directory, self._secrets["database"])
            server = Server(
                "database", engine, self._runtime, log=directory / "log", tell=self._tell_if_open
            )
            server.start()
            self._database = server
        return {}

    def _tell_if_open(self, event: Event) -> None:
        if self._sandbox is not None:
            self._sandbox.tell(event)

    def _open(self, args: Args) -> Args:
        lab = find(str(args["lab"]))
        settings = lab.settings(args.get("settings") or {})
        if lab.topology.of_engine("postgres"):
            self._prepare({})
        elif self._database is not None:
            # It was prepared before it was known for which lab.
            self._database.kill()
            self._database = None
        for node in lab.topology.nodes:
            self._secrets.setdefault(node.name, secrets.token_urlsafe(24))
        quarters = Quarters(
            self._place.directory, self._place.template, self._runtime, self._secrets
        )
        sandbox = Sandbox(
            lab,
            settings,
            quarters,
            nursery=self._nursery,
            links=self._links,
            database=self._database,
            tell=self.tell,
            outcome=self.outcome,
            wrong=str(args.get("wrong") or ""),
        )
        self._sandbox = sandbox
        sandbox.open()
        return {"versions": sandbox.versions()}

    @property
    def _open_sandbox(self) -> Sandbox:
        if self._sandbox is None:
            raise NotNow("This sandbox is not open yet.")
        return self._sandbox

    # Calls of an open sandbox

    def _set(self, args: Args) -> Args:
        self._open_sandbox.set(str(args.get("name")), args.get("value"))
        return {}

    def _action(self, args: Args) -> Args:
        sandbox = self._open_sandbox
        action = sandbox.lab.action(str(args.get("name")))
        given = dict(args.get("fields") or {})
        fields = {
            field.name: field.parse(given.pop(field.name))
            if given.get(field.name) not in (None, "")
            else field.default
            for field in action.fields
        }
        if given:
            raise BadInput(f"{action.label} has no field {sorted(given)[0][:40]!r}.")
        says = action.run(sandbox, **fields)
        sandbox.tell(Happened(text=says, meaning="none"))
        return {"says": says}

    def _server(self, args: Args) -> Args:
        return {"says": self._open_sandbox.server(str(args.get("name")), str(args.get("verb")))}

    def _link(self, args: Args) -> Args:
        try:
            delay_ms = float(args.get("delay_ms") or 20.0)
        except (TypeError, ValueError):
            raise BadInput("The delay is a number of milliseconds.") from None
        return {
            "says": self._open_sandbox.link(str(args.get("name")), str(args.get("verb")), delay_ms)
        }

    def _step(self, args: Args) -> Args:
        sandbox = self._open_sandbox
        match args.get("verb"):
            case "start":
                if not sandbox.lab.strategies:
                    raise BadInput("This lab has no code to step through.")
                function = str(args.get("function") or "read")
                if function not in ("read", "write"):
                    raise BadInput("A step is a read or a write.")
                item = _whole_number(args.get("key") or 42, "The item")
                # Only a shop's write has a price; where the lab's form has no field for it, any
                # price will do to see the write, and the step says which. Sites and numbered writes
                # have none.
                price = (
                    _price(args.get("price", STEPPED_PRICE))
                    if function == "write" and sandbox.stepped is sandbox.app
                    else None
                )
                if sandbox.load.running and sandbox.site is None:
                    raise NotNow(
                        "The load is running, so one request can't be told from the others.",
                        hint="Stop the load first.",
                    )
                sandbox.stepped.step(function, item, price)
            case "next":
                sandbox.stepped.stepper.next()
            case "finish":
                sandbox.stepped.stepper.finish()
            case other:
                raise BadInput(
                    f"A step can't be told to {str(other)[:20]!r}.",
                    hint="It can be told to start, next or finish.",
                )
        return {"running": sandbox.stepped.stepper.running}

    def _load(self, args: Args) -> Args:
        sandbox = self._open_sandbox
        match args.get("verb"):
            case "start":
                return {"says": sandbox.start_load()}
            case "stop":
                return {"says": sandbox.stop_load()}
        raise BadInput("A load can be told to start or to stop.")

    def _console(self, args: Args) -> Args:
        return asdict(
            self._open_sandbox.console(str(args.get("server")), str(args.get("command") or ""))
        )

    def _complete(self, args: Args) -> Args:
        return {
            "options": self._open_sandbox.complete(
                str(args.get("server")), str(args.get("text") or "")
            )
        }

    def _log(self, args: Args) -> Args:
        sandbox = self._open_sandbox
        node = sandbox.lab.topology.node(str(args.get("server")))
        return {
            "lines": [line[:500] for line in sandbox.servers[node.name].log_tail(60)]
            if node.name in sandbox.servers
            else []
        }

    def _measure(self, args: Args) -> Args:
        sandbox = self._open_sandbox
        prediction = sandbox.lab.prediction(str(args.get("prediction")))
        value = prediction.measure(sandbox)
        shown = prediction.show(value)
        sandbox.tell(Measured(prediction=prediction.name, value=value, shown=shown))
        self.outcome("prediction", prediction.name, "measured", {"value": value, "shown": shown})
        return {"value": value, "shown": shown}

    def _record(self, args: Args) -> Args:
        name = str(args.get("name"))
        found = self._open_sandbox.records.get(name)
        if found is None:
            raise BadInput(
                f"No record here is called {name[:40]!r}.",
                hint="There are " + (", ".join(self._open_sandbox.records) or "none yet") + ".",
            )
        return {"record": found}

    def _reset(self, _args: Args) -> Args:
        self._open_sandbox.reset()
        return {}

    def _play(self, _args: Args) -> Args:
        """The lab's reference run, for the headless command and the tests."""
        sandbox = self._open_sandbox
        sandbox.lab.reference(sandbox)
        verdicts = sandbox.checker.judge()
        return {
            "settings": sandbox.settings,
            "versions": sandbox.versions(),
            "measurements": sandbox.measurements,
            "checks": [
                {
                    "id": check.name,
                    "claim": check.claim,
                    "status": verdicts[check.name].status,
                    "message": verdicts[check.name].message,
                    "evidence": dict(verdicts[check.name].evidence),
                }
                for check in sandbox.lab.checks
            ],
        }

    def _warn(self, args: Args) -> Args:
        self._open_sandbox.tell(Ending(reason=str(args["reason"]), in_s=float(args["in_s"])))
        return {}

    def _close(self, args: Args) -> Args:
        self._end_everything()
        self.tell(SandboxClosed(reason=str(args.get("reason") or "You closed this sandbox.")[:200]))
        return {}

    def _end_everything(self) -> None:
        with contextlib.suppress(Exception):
            if self._sandbox is not None:
                self._sandbox.close()
        with contextlib.suppress(Exception):
            self._runtime.close()
            self._links.close()
            self._nursery.close()
        shutil.rmtree(self._place.directory, ignore_errors=True)


def _whole_number(raw: object, what: str) -> int:
    try:
        number = int(str(raw))
    except ValueError:
        raise BadInput(f"{what} is a whole number.", hint="For example 42.") from None
    if not 1 <= number <= 1_000_000:
        raise BadInput(f"{what} is a number from 1 up.", hint="For example 42.")
    return number


def _price(raw: object) -> float:
    try:
        price = float(str(raw))
    except ValueError:
        raise BadInput("The price is a number.", hint="For example 24.90.") from None
    if not 0.01 <= price <= 99_999:
        raise BadInput("The price is between 0.01 and 99,999.")
    return round(price, 2)
