"""A labs host without servers, for the tests of the bench: real keys, real events, made-up readings. Runs in threads of the test."""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import threading
import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from labs import METRICS, Event, LabsError, NotNow, SandboxState, SandboxTaken, UnknownSandbox, encode, find, source_of
from labs.errors import as_data
from labs.events import (
    CheckChanged,
    CommandRan,
    Entry,
    Happened,
    LineReached,
    LinkChanged,
    LoadChanged,
    Measured,
    ReadingTaken,
    Said,
    SandboxClosed,
    SandboxOpened,
    ServerChanged,
    SettingChanged,
    StepFinished,
    StepStarted,
)

VERSIONS = {"redis": "Redis 7.0.15", "memcached": "Memcached 1.6.18", "postgres": "Postgres 15.20", "instance": "Python 3.11.7", "balancer": "Python 3.11.7"}


class FakeSandbox:
    """One sandbox: its state, its feed, and what it answers."""

    def __init__(self, host: FakeHost, sandbox: str, owner: str, lab: str, settings: dict[str, Any]) -> None:
        self.host, self.id, self.owner, self.lab = host, sandbox, owner, find(lab)
        self.settings = self.lab.settings(settings)
        self.state = SandboxState()
        self.status, self.position, self.reason = "opening", 0, ""
        self.lock = threading.RLock()
        self.request = 0
        self.keys: set[str] = set()
        self.lines: list[tuple[int, int]] = []
        self.loading = False

    def emit(self, event: Event) -> None:
        with self.lock:
            entry = Entry(self.state.seq + 1, time.time(), event)
            self.state.apply(entry)
            data = json.dumps(encode(entry))
            pipeline = self.host.redis.pipeline(transaction=False)
            pipeline.xadd(f"labs:feed:{self.id}", {"e": data}, id=f"{entry.seq}-0", maxlen=4_000)
            pipeline.publish(f"labs:feed:{self.id}", data)
            pipeline.execute()

    def open(self) -> None:
        engines = {node.name: str(self.settings.get(node.engine_setting, node.engine)) for node in self.lab.topology.servers}
        for name in engines:
            self.emit(ServerChanged(server=name, state="starting"))
        for name, engine in engines.items():
            self.emit(ServerChanged(server=name, state="up", version=VERSIONS[engine]))
        self.emit(SandboxOpened(lab=self.lab.id, isolation="fake", settings=dict(self.settings), versions={name: VERSIONS[engine].split()[1] for name, engine in engines.items()}))
        for check in self.lab.checks:
            self.emit(CheckChanged(check=check.name, claim=check.claim, status="unmet", message="", hint="Nothing has been read yet.", news=False))
        self.emit(Said(text="Nothing has been asked yet. Start a request, or start the load.", strong="Nothing has been asked yet."))
        self.status = "open"

    def answer(self, call: str, args: dict[str, Any]) -> dict[str, Any]:
        if call == "state":
            return self.state.to_data(history=bool(args.get("history")))
        found: dict[str, Any] = getattr(self, f"call_{call}")(**args)
        return found

    def call_set(self, name: str, value: Any) -> dict[str, Any]:
        control = self.lab.control(name)
        self.settings[name] = control.parse(value)
        self.emit(SettingChanged(name=name, label=control.label, value=self.settings[name], shown=control.show(self.settings[name])))
        return {}

    def call_action(self, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        says = f"{self.lab.action(name).label}: done."
        if name == "flush":
            self.keys.clear()
        self.emit(Happened(text=f"You pressed {self.lab.action(name).label}", meaning="here"))
        return {"says": says}

    def call_server(self, name: str, verb: str) -> dict[str, Any]:
        state = {"kill": "down", "pause": "paused", "resume": "up", "restart": "up"}[verb]
        self.emit(ServerChanged(server=name, state=state, why="you killed it" if verb == "kill" else ""))  # type: ignore[arg-type]
        if verb == "kill":
            self.emit(Said(text=f"{name} is gone. Every read asks the database now: slower, never wrong.", strong=f"{name} is gone."))
        return {"says": f"{name}: {verb}"}

    def call_link(self, name: str, verb: str, delay_ms: float = 0) -> dict[str, Any]:
        state = {"slow": "slow", "cut": "cut", "restore": "open"}[verb]
        self.emit(LinkChanged(link=name, state=state, delay_ms=delay_ms))  # type: ignore[arg-type]
        return {"says": f"{name}: {verb}"}

    def call_step(self, verb: str, function: str = "read", key: str = "42") -> dict[str, Any]:
        if verb == "start":
            strategy = self.lab.strategies[self.lab.pick_strategy(self.settings)]
            source = source_of(strategy.read if function == "read" else strategy.write)  # type: ignore[arg-type]
            self.request += 1
            self.lines = sorted(set(source.statements.values()))
            self.emit(StepStarted(request=self.request, strategy=strategy.name, function=function, call=f"{function}({key})"))
            self.key = f"page:{key}"
        if not self.lines:
            raise NotNow("No request is being stepped.", hint="Start one first.")
        while self.lines:
            first, last = self.lines.pop(0)
            self.emit(LineReached(request=self.request, line=first, last_line=last))
            if len(self.lines) == 4:
                had = self.key in self.keys
                self.emit(CommandRan(request=self.request, server="cache", command=f"GET {self.key}", reply='{"name": "Lamp"}' if had else "(nil)", took_ms=0.16, meaning="hit" if had else "miss"))
                if not had:
                    self.emit(CommandRan(request=self.request, server="database", command="SELECT name, price, count(*) FROM product JOIN review USING (product_id) WHERE product_id = 42", reply="1 row", took_ms=4.87, meaning="read"))
                    self.emit(Said(text="The cache had nothing. The database answered; the next line stores the page.", strong="The database answered"))
            if verb != "finish":
                break
        if not self.lines:
            self.emit(CommandRan(request=self.request, server="cache", command=f"SET {self.key} … EX 60", reply="OK", took_ms=0.2, meaning="write"))
            self.keys.add(self.key)
            self.emit(StepFinished(request=self.request, meaning="miss", answer='{"name": "Lamp"}', took_ms=5.23))
            check = self.lab.checks[0]
            self.emit(CheckChanged(check=check.name, claim=check.claim, status="met", message="The database counted 1 query", evidence={"queries": 1.0}))
        return {"running": bool(self.lines)}

    def call_load(self, verb: str) -> dict[str, Any]:
        self.loading = verb == "start"
        self.emit(LoadChanged(running=self.loading, about="2 clients, 100 requests a second wanted"))
        if self.loading:
            threading.Thread(target=self._load, daemon=True).start()
        return {"says": "The load runs." if self.loading else "The load stopped."}

    def _load(self) -> None:
        began = time.monotonic()
        with contextlib.suppress(RedisError, OSError):  # the test is over and takes the server with it
            while self.loading and not self.host.stopping.wait(0.25):
                self.reading(time.monotonic() - began)

    def reading(self, t: float) -> None:
        """One made-up moment of a run, `t` seconds after its start."""
        rate, rise = 100.0 + 8 * math.sin(t * 2), 1 - math.exp(-t / 3)
        values = {
            "hit_rate_percent": 92 * rise, "cache_hits_per_s": rate * 0.92 * rise, "cache_misses_per_s": rate * (1 - 0.92 * rise), "cache_ops_per_s": rate * 1.3,
            "database_queries_per_s": rate * (1 - 0.88 * rise), "hit_p50_ms": 0.19 + 0.02 * math.sin(t), "hit_p99_ms": 0.6 + 0.1 * math.sin(t * 3), "miss_p50_ms": 5.3 + 0.5 * math.sin(t * 1.3),
            "miss_p99_ms": 21 + 4 * math.sin(t * 0.7), "cache_p50_ms": 0.17, "cache_p99_ms": 0.5, "database_p50_ms": 4.8, "database_p99_ms": 18.0, "scheduled_per_s": 100.0, "done_per_s": rate,
            "stale_reads_per_s": 0.0, "errors_per_s": 0.0, "writes_per_s": 5.0, "items": float(round(900 * rise)),
        }
        self.emit(ReadingTaken(readings={name: value for name, value in values.items() if name in METRICS}))

    def call_console(self, server: str, command: str) -> dict[str, Any]:
        if command.upper().startswith("CONFIG"):
            return {"output": "(error) ERR This bench does not run CONFIG. ElastiCache refuses it too: use a parameter group.", "failed": True, "took_ms": 0.1, "cut": False}
        return {"output": f"PONG from {server}: {command}", "failed": False, "took_ms": 0.12, "cut": False}

    def call_complete(self, server: str, text: str) -> dict[str, Any]:
        return {"options": [word for word in ("GET", "GETDEL", "GETEX", "SET", "PING") if word.startswith(text.upper())]}

    def call_log(self, server: str) -> dict[str, Any]:
        return {"lines": [f"{server}: ready to accept connections", "<b>not markup</b>"]}

    def call_measure(self, prediction: str) -> dict[str, Any]:
        asked = self.lab.prediction(prediction)
        value = asked.options[0][0] if asked.options else 1.0
        self.emit(Measured(prediction=prediction, value=value, shown=asked.show(value)))
        return {"value": value, "shown": asked.show(value)}

    def call_reset(self) -> dict[str, Any]:
        self.settings = self.lab.settings()
        self.keys.clear()
        for control in self.lab.controls:
            self.call_set(control.name, control.default)
        return {}

    def call_keep(self) -> dict[str, Any]:
        self.state.ending = {}
        return {}

    def call_close(self, reason: str = "") -> dict[str, Any]:
        self.loading = False
        self.emit(SandboxClosed(reason=reason))
        self.status, self.reason = "closed", reason
        return {}


class FakeHost:
    """A labs host of states without processes. `vanish` makes its sandboxes disappear as a killed host does."""

    def __init__(self, redis: Redis, *, name: str = "fake", opening_s: float = 0.0) -> None:
        self.redis, self.name, self.opening_s = redis, name, opening_s
        self.sandboxes: dict[str, FakeSandbox] = {}
        self.queue: set[str] = set()
        self.hold_back = False
        self.stopping = threading.Event()
        self.silent = False
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True), threading.Thread(target=self._beat, daemon=True)]

    def start(self) -> FakeHost:
        self._tell()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(3)

    def vanish(self) -> None:
        """As if the machine had lost power: nothing is refreshed and the keys are gone."""
        self.silent = True
        for sandbox in self.sandboxes.values():
            sandbox.loading = False
            self.redis.delete(f"labs:sandbox:{sandbox.id}", f"labs:owner:{sandbox.owner}")
        self.redis.hdel("labs:hosts", self.name)

    def of(self, owner: str) -> FakeSandbox:
        """The open sandbox of an owner."""
        return next(sandbox for sandbox in self.sandboxes.values() if sandbox.owner == owner and sandbox.status != "closed")

    def let_in(self, sandbox: FakeSandbox) -> None:
        """The turn of a queued sandbox has come."""
        sandbox.open()
        self._tell()

    def _beat(self) -> None:
        while not self.stopping.wait(0.3):
            with contextlib.suppress(Exception):
                self._tell()

    def _tell(self) -> None:
        if self.silent:
            return
        about = {"at": time.time(), "isolation": "fake", "versions": VERSIONS, "open": len(self.sandboxes), "room": 10, "queued": 0}
        self.redis.hset("labs:hosts", self.name, json.dumps(about))
        for sandbox in list(self.sandboxes.values()):
            key = f"labs:sandbox:{sandbox.id}"
            self.redis.hset(key, mapping={"owner": sandbox.owner, "lab": sandbox.lab.id, "host": self.name, "status": sandbox.status, "position": sandbox.position, "reason": sandbox.reason})
            self.redis.expire(key, 4)
            if sandbox.status == "closed":
                if self.redis.get(f"labs:owner:{sandbox.owner}") == sandbox.id:
                    self.redis.delete(f"labs:owner:{sandbox.owner}")
            else:
                self.redis.set(f"labs:owner:{sandbox.owner}", sandbox.id, ex=4)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                got = self.redis.blpop([f"labs:host:{self.name}:requests"], timeout=0.2)
            except Exception:  # noqa: BLE001  # the server is being stopped under us
                return
            if got:
                threading.Thread(target=self._answer, args=(json.loads(got[1]),), daemon=True).start()

    def _answer(self, request: dict[str, Any]) -> None:
        with contextlib.suppress(RedisError, OSError):  # the test is over and takes the server with it
            self._reply(request)

    def _reply(self, request: dict[str, Any]) -> None:
        self.calls.append((request["call"], request["sandbox"], request["args"]))
        try:
            reply = {"reply": self._open(request["args"]) if request["call"] == "open" else self._find(request["sandbox"]).answer(request["call"], request["args"])}
        except LabsError as error:
            reply = {"error": as_data(error)}
        if not self.silent:
            self._tell()
            self.redis.rpush(f"labs:reply:{request['id']}", json.dumps(reply))
            self.redis.expire(f"labs:reply:{request['id']}", 30)

    def _find(self, sandbox: str) -> FakeSandbox:
        if sandbox not in self.sandboxes or self.sandboxes[sandbox].status == "closed":
            raise UnknownSandbox("There is no such sandbox.")
        return self.sandboxes[sandbox]

    def _open(self, args: dict[str, Any]) -> dict[str, Any]:
        for sandbox in self.sandboxes.values():
            if sandbox.owner == args["owner"] and sandbox.status != "closed":
                if sandbox.lab.id != args["lab"]:
                    raise SandboxTaken("Your bench for another lab is open.", hint="Close it first.")
                return {"id": sandbox.id, "owner": sandbox.owner, "lab": sandbox.lab.id, "host": self.name, "status": sandbox.status}
        sandbox = FakeSandbox(self, secrets.token_hex(16), args["owner"], args["lab"], args["settings"])
        self.sandboxes[sandbox.id] = sandbox
        if self.hold_back:
            sandbox.status, sandbox.position = "queued", 3
        elif self.opening_s:
            threading.Timer(self.opening_s, sandbox.open).start()
        else:
            sandbox.open()
        return {"id": sandbox.id, "owner": sandbox.owner, "lab": sandbox.lab.id, "host": self.name, "status": sandbox.status, "position": sandbox.position}
