"""The labs host: owns the sandboxes of one machine, and speaks with the portal over its Redis only.
docs/architecture.md lists keys and calls.

If it dies its sandboxes die with it; nothing is adopted. What it writes to Redis may be lost,
except outcomes, which it keeps itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from labs.catalogue import find
from labs.engines import binaries
from labs.errors import BadInput, DidNotStart, LabsError, UnknownSandbox, as_data
from labs.events import Entry, SandboxClosed
from labs.host import keys
from labs.host.admission import CALLS_AT_ONCE, STARTS, Admission
from labs.host.budget import disk_is_full
from labs.host.outbox import Outbox
from labs.host.publisher import ANNOUNCE_S, Publisher
from labs.host.record import Limits, SandboxRecord
from labs.host.supervisor import BY_ITSELF, SandboxSupervisor
from labs.host.watch import Watch

log = logging.getLogger("labs.host")
REASON_LENGTH = 200
"""Of a sandbox's own reason for its end."""

LAST_EVENTS_S = 2.0
"""How long a host that stops waits until its last events are published."""

DISK_FULL = "The disk of the machine that runs the labs is full."
ROOM_IS_NEEDED = "Lessons and quizzes work. The operator of the site has to make room."
RELAYED = (
    "set set_up action server link step load console complete log measure record reset".split()
)


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
        self.given_up = ""
        """Why it stopped by itself; empty if it didn't."""
        self._state = state
        limits = limits or Limits()
        self._redis = redis
        state.mkdir(parents=True, exist_ok=True)
        self._outbox = Outbox(state / "outbox.sqlite")
        self.supervisor = SandboxSupervisor(
            state,
            isolation=isolation,
            pool=min(pool, limits.sandboxes),
            on_given_up=self._give_up,
        )
        self.admission = Admission(
            limits, lambda record: self._starters.submit(self._start, record)
        )
        self.watch = Watch(self.admission, self.supervisor, state, self._close)
        self._publisher = Publisher(redis, self.id, self._outbox)
        self._stopped = threading.Event()
        # As many as all sandboxes may need at once: one that does not answer keeps only its own
        # learner waiting.
        self._callers = ThreadPoolExecutor(
            CALLS_AT_ONCE * limits.sandboxes + STARTS, thread_name_prefix="call"
        )
        self._starters = ThreadPoolExecutor(STARTS, thread_name_prefix="start")
        self._versions: dict[str, str] = {}
        self._is_fake = isolation == "fake"

    def serve(self) -> None:
        """Take requests until stopped; then end every sandbox."""
        if not self._is_fake:
            # Asked while the zygote warms up.
            self._versions = binaries.versions()
        self.supervisor.wait_ready()
        for work in (
            partial(self._loop, self._announce, ANNOUNCE_S),
            partial(self._loop, self.watch.look, 1.0),
            partial(self._loop, self._publisher.send_outcomes, 0.0),
        ):
            threading.Thread(target=work, daemon=True).start()
        publishing = threading.Thread(target=self._publisher.publish_events, daemon=True)
        publishing.start()
        try:
            while not self._stopped.is_set():
                self._take_request()
        finally:
            self._shut_down()
            publishing.join(LAST_EVENTS_S)

    def stop(self) -> None:
        """Stop serving; harmless twice."""
        self._stopped.set()
        self._publisher.wake()

    def _give_up(self, why: str) -> None:
        self.given_up = why
        self.stop()

    def on_event(self, record: SandboxRecord, entry: Entry) -> None:
        """Fold an event of a sandbox into what is known of it, and have it published."""
        with self.admission.lock:
            record.state.apply(entry)
        self._publisher.put_event(record, entry)

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
        call, sandbox = str(request.get("call")), str(request.get("sandbox") or "")
        try:
            done = self._do(call, sandbox, request.get("args") or {}, float(request["until"]))
            reply: dict[str, Any] = {"reply": done}
        except LabsError as exc:
            if exc.detail:
                log.warning("%s: %s: %s", call, exc, exc.detail)
            reply = {"error": as_data(exc)}
        except Exception:
            log.exception("the request %s failed", call)
            sorry = LabsError("Something went wrong with the labs.", hint="Try again in a moment.")
            reply = {"error": as_data(sorry)}
        with contextlib.suppress(RedisError):
            key = keys.REPLY.format(request.get("id"))
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(key, json.dumps(reply))
                pipe.expire(key, 30)
                pipe.execute()

    def _do(self, call: str, sandbox: str, args: dict[str, Any], until: float) -> dict[str, Any]:
        if call == "open":
            return self._open(args)
        record = self.admission.find(sandbox)
        if call == "state":
            with self.admission.lock:
                data = record.state.to_data(history=bool(args.get("history")))
            return data | {
                "status": record.status,
                "reason": record.reason,
                "position": self.admission.position(record),
                "lab": record.lab,
                "settings": record.state.settings or record.settings,
            }
        record.touched_at = time.monotonic()
        if record.warned:
            record.warned = False
            self.watch.warn(record, "", 0.0)
        if call == "keep":
            return {}
        if call == "close":
            with self.admission.lock:
                closing, record.closing = record.closing, True
            if not closing:
                self._close(record, str(args.get("reason") or "You closed this sandbox."))
            return {}
        if call not in RELAYED:
            raise BadInput(f"A sandbox has no call {call[:40]!r}.")
        if record.status != "open" or record.closing:
            raise UnknownSandbox(
                "This sandbox is not open.", hint="Open the lab again: your progress is kept."
            )
        with self.admission.turn(record):
            return self.supervisor.call(
                sandbox, call, deadline_s=max(0.1, until - time.time()), **args
            )

    def _open(self, args: dict[str, Any]) -> dict[str, Any]:
        lab, owner = find(str(args.get("lab"))), str(args.get("owner") or "")
        if disk_is_full(self._state):
            raise DidNotStart(DISK_FULL, hint=ROOM_IS_NEEDED)
        settings = lab.settings(args.get("settings") or {})
        met = tuple(str(name) for name in args.get("met") or ())
        record = self.admission.ask(lab.id, owner, settings, met)
        self._announce_sandboxes([record])
        return self._info(record)

    def _start(self, record: SandboxRecord) -> None:
        try:
            self.supervisor.open(
                record.lab,
                record.settings,
                met=record.met,
                sandbox_id=record.id,
                on_event=lambda entry: self.on_event(record, entry),
                on_outcome=lambda outcome: self._publisher.put_outcome(record, outcome),
                on_gone=lambda why: self._on_gone(record, why),
            )
            with self.admission.lock:
                if record.status != "opening":
                    raise UnknownSandbox("It was closed while it opened.")
                record.status = "open"
                record.opened_at = record.touched_at = time.monotonic()
                self._versions |= record.state.versions
        except LabsError as exc:
            log.warning("sandbox %s did not open: %s %s", record.id, exc, exc.detail)
            self.supervisor.end(record.id, str(exc))
            self._on_gone(record, self._why(str(exc)))
        except Exception:
            log.exception("sandbox %s did not open", record.id)
            self.supervisor.end(record.id, "it did not open")
            self._on_gone(record, self._why("Your sandbox did not open."))
        self.admission.admit()
        self._announce_sandboxes([record])

    def _why(self, said: str) -> str:
        """Why a sandbox did not open: on a full disk each part of it fails in words of its own."""
        return f"{DISK_FULL} {ROOM_IS_NEEDED}" if disk_is_full(self._state) else said

    def _close(self, record: SandboxRecord, reason: str) -> None:
        self.admission.leave_queue(record)
        self.supervisor.end(record.id, reason, gently=record.status == "open")
        self._on_gone(record, reason)

    def _on_gone(self, record: SandboxRecord, reason: str) -> None:
        """The sandbox has ended, for any reason: report it once, and admit the next one."""
        with self.admission.lock:
            if record.status == "closed":
                return
            record.status, record.closed_at = "closed", time.monotonic()
            if reason == BY_ITSELF and record.state.closed:
                reason = record.state.closed[:REASON_LENGTH]
            record.reason = record.reason or reason
            if not record.state.closed:
                self._say_closed(record)
        if not self._stopped.is_set():
            self._announce_sandboxes([record])
            self.admission.admit()

    def _say_closed(self, record: SandboxRecord) -> None:
        entry = Entry(record.state.seq + 1, time.time(), SandboxClosed(reason=record.reason))
        self.on_event(record, entry)

    def _announce(self) -> None:
        open_now, limits = self.admission.open, self.admission.limits
        self._publisher.announce_host(
            {
                "isolation": self.supervisor.isolation,
                "versions": self._versions,
                "open": open_now,
                "room": max(0, limits.sandboxes - open_now),
                "queued": self.admission.queued,
                "ready": self.supervisor.is_ready,
            }
        )
        self._announce_sandboxes(self.admission.all())

    def _announce_sandboxes(self, records: Iterable[SandboxRecord]) -> None:
        self._publisher.announce((record, self._info(record)) for record in records)

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
            self._stopped.wait(every_s)

    def _info(self, record: SandboxRecord) -> dict[str, Any]:
        return {
            "id": record.id,
            "owner": record.owner,
            "lab": record.lab,
            "host": self.id,
            "status": record.status,
            "position": self.admission.position(record),
            "reason": record.reason,
        }

    def _shut_down(self) -> None:
        records = self.admission.all()
        log.info("stopping with %d sandboxes", len(records))
        for record in records:
            if record.status in ("queued", "opening", "open"):
                with self.admission.lock:
                    record.status, record.reason = "closed", "The labs were stopped."
                    self._say_closed(record)
        self.supervisor.close()
        with contextlib.suppress(RedisError):
            self._announce_sandboxes(records)
        self._publisher.withdraw_host()
        self._publisher.stop()
        self._callers.shutdown(wait=False, cancel_futures=True)
        self._starters.shutdown(wait=False, cancel_futures=True)
        self._outbox.close()
