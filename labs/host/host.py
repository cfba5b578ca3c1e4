"""The labs host: owns the sandboxes of one machine, and speaks with the portal over its Redis only.
docs/architecture.md lists keys and calls.

If it dies its sandboxes die with it; nothing is adopted. What it tells over Redis may be lost,
except outcomes, which it keeps itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from redis.exceptions import RedisError

from labs.catalogue import find
from labs.engines import binaries
from labs.errors import BadInput, LabsError, NotNow, SandboxTaken, UnknownSandbox, as_data
from labs.events import Entry, SandboxClosed, encode
from labs.host import keys
from labs.host.keeper import Keeper
from labs.host.outbox import Outbox
from labs.state import SandboxState

log = logging.getLogger("labs.host")

ANNOUNCE_S = 1.0
SANDBOX_KEY_S = 4
CLOSED_KEY_S = 120
FEED_KEY_S = 6 * 3600
STARTS = 4
CALLS_AT_ONCE = 6
CALLS_PER_S, CALLS_IN_A_ROW = 50.0, 200.0
"""Of one sandbox: a browser sends six at once, and nobody types as fast."""
DISK_LOOK_S = 60.0
DISK_STEP_MB = 64
BATCH = 200
MB = 1024 * 1024

RELAYED = frozenset(
    {
        "set",
        "action",
        "server",
        "link",
        "step",
        "load",
        "console",
        "complete",
        "log",
        "measure",
        "record",
        "reset",
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a machine and a sandbox may use.

    `room` 0 means: as many as fit into `share` of the memory.
    """

    room: int = 0
    share: float = 0.6
    expected_mb: int = 80
    budget_mb: int = 384
    disk_mb: int = 512
    idle_s: float = 30 * 60
    warn_s: float = 2 * 60
    longest_s: float = 4 * 3600
    queue: int = 200
    queued_s: float = 120.0

    @property
    def sandboxes(self) -> int:
        """How many sandboxes may be open at once."""
        return self.room or max(
            1, int(psutil.virtual_memory().total * self.share / (self.expected_mb * MB))
        )


@dataclass(slots=True)
class Hosted:
    """A sandbox with its owner, its status and what is known of it."""

    id: str
    owner: str
    lab: str
    settings: dict[str, Any]
    status: str = "queued"
    reason: str = ""
    opened_at: float = 0.0
    touched_at: float = field(default_factory=time.monotonic)
    closed_at: float = 0.0
    warned: bool = False
    closing: bool = False
    calls: int = 0
    allowance: float = CALLS_IN_A_ROW
    allowed_at: float = field(default_factory=time.monotonic)
    event_bytes: float = 200.0
    state: SandboxState = field(default_factory=SandboxState)


class LabsHost:
    """Run it with `serve`; `stop` from any thread or signal handler."""

    def __init__(
        self,
        redis: Redis,
        state: Path,
        *,
        isolation: str = "auto",
        pool: int = 2,
        limits: Limits | None = None,
    ) -> None:
        self.id = secrets.token_hex(4)
        self.limits = limits or Limits()
        self._redis = redis
        state.mkdir(parents=True, exist_ok=True)
        self._outbox = Outbox(state / "outbox.sqlite")
        self._keeper = Keeper(state, isolation=isolation, pool=min(pool, self.limits.sandboxes))
        self._hosted: dict[str, Hosted] = {}
        self._waiting: list[str] = []
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._feed: queue.SimpleQueue[tuple[Hosted, Entry] | None] = queue.SimpleQueue()
        # As many as all sandboxes may need at once: one that does not answer keeps only its own
        # learner waiting.
        self._callers = ThreadPoolExecutor(
            CALLS_AT_ONCE * self.limits.sandboxes + STARTS, thread_name_prefix="call"
        )
        self._directory, self._free, self._disk_looked = state, 0, 0.0
        self._starters = ThreadPoolExecutor(STARTS, thread_name_prefix="start")
        self._versions: dict[str, str] = {}
        self._new_outcome = threading.Event()

    def serve(self) -> None:
        """Take requests until told to stop; then end every sandbox."""
        self._keeper.wait_ready()
        if self._keeper.isolation != "fake":
            self._versions = binaries.versions()
        threads = [
            threading.Thread(
                target=self._loop, args=(work, every_s), name=work.__name__, daemon=True
            )
            for work, every_s in (
                (self._announce, ANNOUNCE_S),
                (self._watch, 1.0),
                (self._send_outcomes, 0.0),
            )
        ]
        threads.append(threading.Thread(target=self._publish, name="publish", daemon=True))
        for thread in threads:
            thread.start()
        try:
            while not self._stopped.is_set():
                self._take_request()
        finally:
            self._shut_down()

    def stop(self) -> None:
        """Stop serving; harmless twice."""
        self._stopped.set()
        self._new_outcome.set()

    # Requests

    def _take_request(self) -> None:
        try:
            got = self._redis.blpop([keys.REQUESTS.format(self.id)], timeout=1)
        except RedisError as exc:
            log.warning("the portal's Redis does not answer: %s", exc)
            self._stopped.wait(0.5)
            return
        if got:
            with contextlib.suppress(ValueError):
                request = json.loads(got[1])
                if isinstance(request, dict) and request.get("until", 0) > time.time():
                    self._callers.submit(self._answer, request)

    def _answer(self, request: dict[str, Any]) -> None:
        reply: dict[str, Any]
        try:
            reply = {
                "reply": self._do(
                    str(request.get("call")),
                    str(request.get("sandbox") or ""),
                    request.get("args") or {},
                    float(request["until"]),
                )
            }
        except LabsError as exc:
            if exc.detail:
                log.warning("%s: %s: %s", request.get("call"), exc, exc.detail)
            reply = {"error": as_data(exc)}
        except Exception:
            log.exception("the request %s failed", request.get("call"))
            reply = {
                "error": as_data(
                    LabsError("Something went wrong with the labs.", hint="Try again in a moment.")
                )
            }
        with contextlib.suppress(RedisError):
            key = keys.REPLY.format(request.get("id"))
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(key, json.dumps(reply))
                pipe.expire(key, 30)
                pipe.execute()

    def _do(self, call: str, sandbox: str, args: dict[str, Any], until: float) -> dict[str, Any]:
        if call == "open":
            return self._open(args, until)
        hosted = self._find(sandbox)
        if call == "state":
            with self._lock:
                data = hosted.state.to_data(history=bool(args.get("history")))
            return data | {
                "status": hosted.status,
                "reason": hosted.reason,
                "position": self._position(hosted),
                "lab": hosted.lab,
                "settings": hosted.state.settings or hosted.settings,
            }
        hosted.touched_at = time.monotonic()
        if hosted.warned:
            hosted.warned = False
            self._warn(hosted, "", 0.0)
        if call == "keep":
            return {}
        if call == "close":
            with self._lock:
                closing, hosted.closing = hosted.closing, True
            if not closing:
                self._close(hosted, str(args.get("reason") or "You closed this sandbox."))
            return {}
        if call not in RELAYED:
            raise BadInput(f"A sandbox does not know the call {call[:40]!r}.")
        if hosted.status != "open":
            raise UnknownSandbox(
                "This sandbox is not open.", hint="Open the lab again: your progress is kept."
            )
        with self._turn(hosted):
            return self._keeper.call(
                sandbox, call, deadline_s=max(0.1, until - time.time()), **args
            )

    @contextlib.contextmanager
    def _turn(self, hosted: Hosted) -> Iterator[None]:
        """A call's place among those of its sandbox; NotNow if there are too many, at once or in a
        second.
        """
        with self._lock:
            now = time.monotonic()
            hosted.allowance = min(
                CALLS_IN_A_ROW, hosted.allowance + (now - hosted.allowed_at) * CALLS_PER_S
            )
            hosted.allowed_at = now
            if hosted.calls >= CALLS_AT_ONCE or hosted.allowance < 1:
                raise NotNow(
                    "That is more than your sandbox does at once.",
                    hint="Wait until it has answered, then try again.",
                )
            hosted.calls += 1
            hosted.allowance -= 1
        try:
            yield
        finally:
            with self._lock:
                hosted.calls -= 1

    def _open(self, args: dict[str, Any], until: float) -> dict[str, Any]:
        lab, owner = find(str(args.get("lab"))), str(args.get("owner") or "")
        settings = lab.settings(args.get("settings") or {})
        with self._lock:
            mine = next(
                (h for h in self._hosted.values() if h.owner == owner and h.status != "closed"),
                None,
            )
            if mine is not None and mine.lab != lab.id:
                raise SandboxTaken(
                    f"Your sandbox for {find(mine.lab).title} is open.",
                    hint="Close it first: checks and answers stay.",
                )
            if mine is None:
                if len(self._waiting) >= self.limits.queue:
                    raise LabsError(
                        "This machine is full, and its queue is too.",
                        hint="Try again in a few minutes.",
                    )
                mine = Hosted(secrets.token_hex(16), owner, lab.id, settings)
                self._hosted[mine.id] = mine
                self._waiting.append(mine.id)
        self._admit()
        if mine.status == "open" and args.get("settings"):
            with self._turn(mine):
                for name in args["settings"]:
                    self._keeper.call(
                        mine.id,
                        "set",
                        name=name,
                        value=settings[name],
                        deadline_s=max(0.1, until - time.time()),
                    )
        self._announce_sandboxes([mine])
        return self._info(mine)

    def _admit(self) -> None:
        """Let in as many of those who wait as there is room for, first come first."""
        with self._lock:
            while (
                self._waiting
                and sum(h.status in ("opening", "open") for h in self._hosted.values())
                < self.limits.sandboxes
            ):
                hosted = self._hosted[self._waiting.pop(0)]
                hosted.status = "opening"
                self._starters.submit(self._start, hosted)

    def _start(self, hosted: Hosted) -> None:
        try:
            self._keeper.open(
                hosted.lab,
                hosted.settings,
                sandbox_id=hosted.id,
                on_event=lambda entry: self._heard(hosted, entry),
                on_outcome=lambda outcome: self._keep_outcome(hosted, outcome),
                on_gone=lambda why: self._gone(hosted, why),
            )
            with self._lock:
                if hosted.status != "opening":
                    raise UnknownSandbox("It was closed while it opened.")
                hosted.status, hosted.opened_at, hosted.touched_at = (
                    "open",
                    time.monotonic(),
                    time.monotonic(),
                )
                self._versions |= hosted.state.versions
        except LabsError as exc:
            log.warning("sandbox %s did not open: %s %s", hosted.id, exc, exc.detail)
            self._keeper.end(hosted.id, str(exc))
            self._gone(hosted, str(exc))
        except Exception:
            log.exception("sandbox %s did not open", hosted.id)
            self._keeper.end(hosted.id, "it did not open")
            self._gone(hosted, "Your sandbox did not open.")
        self._announce_sandboxes([hosted])

    def _close(self, hosted: Hosted, reason: str) -> None:
        with self._lock:
            if hosted.id in self._waiting:
                self._waiting.remove(hosted.id)
        self._keeper.end(hosted.id, reason, gently=hosted.status == "open")
        self._gone(hosted, reason)

    def _gone(self, hosted: Hosted, reason: str) -> None:
        """The sandbox has ended, whoever ended it: say so once, and let the next one in."""
        with self._lock:
            if hosted.status == "closed":
                return
            hosted.status, hosted.reason, hosted.closed_at = (
                "closed",
                hosted.reason or reason,
                time.monotonic(),
            )
            if not hosted.state.closed:
                self._heard(
                    hosted,
                    Entry(hosted.state.seq + 1, time.time(), SandboxClosed(reason=hosted.reason)),
                )
        if not self._stopped.is_set():
            self._announce_sandboxes([hosted])
            self._admit()

    def _find(self, sandbox: str) -> Hosted:
        hosted = self._hosted.get(sandbox)
        if hosted is None:
            raise UnknownSandbox(
                "There is no such sandbox.",
                hint="It may have ended. Open the lab again: your progress is kept.",
            )
        return hosted

    # Events and outcomes

    def _heard(self, hosted: Hosted, entry: Entry) -> None:
        with self._lock:
            hosted.state.apply(entry)
        self._feed.put((hosted, entry))

    def _publish(self) -> None:
        """Everything that is waiting goes out in one round trip."""
        while batch := self._next_batch():
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    for sandbox in {hosted.id for hosted, _ in batch}:
                        pipe.expire(keys.FEED.format(sandbox), FEED_KEY_S)
                    for hosted, entry in batch:
                        body, key = (
                            json.dumps(encode(entry), separators=(",", ":")),
                            keys.FEED.format(hosted.id),
                        )
                        pipe.xadd(
                            key,
                            {"e": body},
                            id=f"{entry.seq}-0",
                            maxlen=_feed_length(hosted, len(body)),
                            approximate=True,
                        )
                        pipe.publish(key, body)
                    pipe.execute(raise_on_error=False)
            except RedisError as exc:
                log.warning("%d events were not published: %s", len(batch), exc)
                self._stopped.wait(0.2)

    def _next_batch(self) -> list[tuple[Hosted, Entry]]:
        """What waits to be published, at least one entry; empty at the end, which a None in the
        queue says.
        """
        batch: list[tuple[Hosted, Entry]] = []
        waiting = self._feed.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == BATCH or self._feed.empty():
                return batch
            waiting = self._feed.get()
        if batch:
            self._feed.put(None)
        return batch

    def _keep_outcome(self, hosted: Hosted, outcome: dict[str, Any]) -> None:
        self._outbox.put(
            outcome
            | {
                "host": self.id,
                "owner": hosted.owner,
                "lab": hosted.lab,
                "at": round(time.time(), 3),
            }
        )
        self._new_outcome.set()

    def _send_outcomes(self) -> None:
        self._new_outcome.wait(1.0)
        self._new_outcome.clear()
        due = self._outbox.due()
        with self._redis.pipeline(transaction=False) as pipe:
            for body in due:
                # The id of an earlier life of this host would be acknowledged to nobody.
                pipe.xadd(
                    keys.OUTCOMES,
                    {"o": json.dumps(json.loads(body) | {"host": self.id})},
                    maxlen=20_000,
                    approximate=True,
                )
            pipe.execute()
        self._outbox.sent(due)
        while (acknowledged := self._redis.lpop(keys.ACKS.format(self.id))) is not None:
            self._outbox.acknowledged(str(acknowledged))

    # Watching

    def _announce(self) -> None:
        with self._lock:
            open_now = sum(h.status in ("opening", "open") for h in self._hosted.values())
            hosted = list(self._hosted.values())
        about = {
            "at": time.time(),
            "isolation": self._keeper.isolation,
            "versions": self._versions,
            "open": open_now,
            "room": max(0, self.limits.sandboxes - open_now),
            "queued": len(self._waiting),
        }
        self._redis.hset(keys.HOSTS, self.id, json.dumps(about))
        for name, raw in self._redis.hgetall(keys.HOSTS).items():
            if time.time() - json.loads(raw)["at"] > 60:
                self._redis.hdel(keys.HOSTS, name)
        self._announce_sandboxes(hosted)

    def _announce_sandboxes(self, several: list[Hosted]) -> None:
        with contextlib.suppress(RedisError), self._redis.pipeline(transaction=False) as pipe:
            for hosted in several:
                key, info = keys.SANDBOX.format(hosted.id), self._info(hosted)
                pipe.hset(
                    key, mapping={name: str(value) for name, value in info.items() if name != "id"}
                )
                pipe.expire(key, CLOSED_KEY_S if hosted.status == "closed" else SANDBOX_KEY_S)
                owner = keys.OWNER.format(hosted.owner)
                if hosted.status != "closed":
                    pipe.set(owner, hosted.id, ex=SANDBOX_KEY_S)
                elif hosted.closed_at + 2 * ANNOUNCE_S > time.monotonic():
                    pipe.eval(
                        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', "
                        "KEYS[1]) end",
                        1,
                        owner,
                        hosted.id,
                    )
            pipe.execute()

    def _watch(self) -> None:
        """Idle, old and hungry sandboxes; those who wait and whose page is gone; what closed a
        while ago.
        """
        now = time.monotonic()
        self._watch_disk(now)
        for hosted in list(self._hosted.values()):
            if hosted.status == "open":
                self._watch_open(hosted, now)
            elif hosted.status == "queued" and now - hosted.touched_at > self.limits.queued_s:
                self._close(hosted, "You left the queue.")
            elif hosted.status == "closed" and now - hosted.closed_at > CLOSED_KEY_S:
                with self._lock:
                    self._hosted.pop(hosted.id, None)

    def _watch_open(self, hosted: Hosted, now: float) -> None:
        idle_s, age_s = now - hosted.touched_at, now - hosted.opened_at
        if age_s > self.limits.longest_s:
            self._close(
                hosted, f"Your sandbox has ended after {self.limits.longest_s / 3600:g} hours."
            )
        elif idle_s > self.limits.idle_s:
            self._close(
                hosted,
                "Your sandbox has ended: nothing was done in it for "
                f"{self.limits.idle_s / 60:g} minutes.",
            )
        elif idle_s > self.limits.idle_s - self.limits.warn_s and not hosted.warned:
            hosted.warned = True
            self._warn(
                hosted,
                f"This sandbox ends in {self.limits.warn_s / 60:g} minutes unless you go on.",
                self.limits.warn_s,
            )
        else:
            budget = self.limits.budget_mb * MB
            with contextlib.suppress(LabsError):
                if self._keeper.memory(hosted.id, over=budget) > budget:
                    self._close(
                        hosted,
                        f"Your sandbox used more than its {self.limits.budget_mb} MB of memory "
                        "and was ended.",
                    )

    def _watch_disk(self, now: float) -> None:
        """Look through the sandboxes' files when the disk has lost some room, and now and then: it
        costs milliseconds for each.
        """
        free = shutil.disk_usage(self._directory).free
        self._free = max(self._free, free)
        if self._free - free < DISK_STEP_MB * MB and now - self._disk_looked < DISK_LOOK_S:
            return
        self._free, self._disk_looked = free, now
        for hosted in list(self._hosted.values()):
            with contextlib.suppress(LabsError):
                if (
                    hosted.status == "open"
                    and self._keeper.disk(hosted.id) > self.limits.disk_mb * MB
                ):
                    self._close(
                        hosted,
                        f"Your sandbox wrote more than its {self.limits.disk_mb} MB to the disk "
                        "and was ended.",
                    )

    def _warn(self, hosted: Hosted, reason: str, in_s: float) -> None:
        with contextlib.suppress(LabsError):
            self._keeper.call(hosted.id, "warn", reason=reason, in_s=in_s, deadline_s=2.0)

    def _loop(self, work: Callable[[], None], every_s: float) -> None:
        while not self._stopped.is_set():
            try:
                work()
            except RedisError as exc:
                log.warning("%s: the portal's Redis does not answer: %s", work.__name__, exc)
                self._stopped.wait(0.5)
            except Exception:
                log.exception("%s failed", work.__name__)
                self._stopped.wait(0.5)
            if every_s:
                self._stopped.wait(every_s)

    def _position(self, hosted: Hosted) -> int:
        with self._lock:
            return self._waiting.index(hosted.id) + 1 if hosted.id in self._waiting else 0

    def _info(self, hosted: Hosted) -> dict[str, Any]:
        return {
            "id": hosted.id,
            "owner": hosted.owner,
            "lab": hosted.lab,
            "host": self.id,
            "status": hosted.status,
            "position": self._position(hosted),
            "reason": hosted.reason,
        }

    def _shut_down(self) -> None:
        log.info("stopping with %d sandboxes", len(self._hosted))
        for hosted in list(self._hosted.values()):
            if hosted.status in ("queued", "opening", "open"):
                with self._lock:
                    hosted.status, hosted.reason = "closed", "The labs were stopped."
                    self._heard(
                        hosted,
                        Entry(
                            hosted.state.seq + 1, time.time(), SandboxClosed(reason=hosted.reason)
                        ),
                    )
        self._keeper.close()
        with contextlib.suppress(RedisError):
            self._announce_sandboxes(list(self._hosted.values()))
            self._redis.hdel(keys.HOSTS, self.id)
        self._feed.put(None)
        self._callers.shutdown(wait=False, cancel_futures=True)
        self._starters.shutdown(wait=False, cancel_futures=True)
        self._outbox.close()


def _feed_length(hosted: Hosted, size: int) -> int:
    """How many events a feed may hold, by how large they have been lately."""
    hosted.event_bytes += (size - hosted.event_bytes) / 50
    return int(min(keys.FEED_LENGTH, max(keys.FEED_LEAST, keys.FEED_BYTES / hosted.event_bytes)))
