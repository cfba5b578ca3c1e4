"""What a portal uses of the labs: a client of the labs hosts over the portal's Redis, the catalogue
of labs, and the few facts about them that a page shows.

Every wait has a deadline. Nothing here may be the only copy of anything. The keys and calls are
listed in docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from labs.catalogue import catalogue as catalogue, find as find, folder_of as folder_of
from labs.engines.binaries import server_environment as server_environment
from labs.engines.registry import registry
from labs.environment import (
    LABS_SETTINGS as LABS_SETTINGS,
    for_python as for_python,
    forget_foreign as forget_foreign,
)
from labs.errors import (
    BadInput,
    HostAway,
    UnknownSandbox,
    from_data,
    no_answer_in_time,
    no_such_sandbox,
)
from labs.events import Entry
from labs.events.decoding import decode
from labs.host import keys
from labs.host.budget import disk_is_full as disk_is_full, free_on_disk as free_on_disk
from labs.host.portal_redis import check_redis_url as check_redis_url
from labs.linux import LONGEST_SOCKET as LONGEST_SOCKET
from labs.measure.metrics import METRICS as METRICS, Metric as Metric
from labs.printable import visible as visible
from labs.shop.building import (
    remove_unfinished as remove_unfinished,
    template_directory as template_directory,
)
from labs.source import Source as Source, source_of as source_of
from labs.state import SandboxState

HOST_FRESH_S = 4.0
SLICE_S = 1.0
_LESSONS_WORK = "Lessons and quizzes work; try the bench again in a moment."


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What is known of a sandbox without asking its host.

    `status`: queued, opening, open, closed.
    """

    id: str
    owner: str
    lab: str
    host: str
    status: str
    position: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HostInfo:
    """A labs host that announced itself in the last seconds."""

    id: str
    at: float
    isolation: str
    versions: dict[str, str]
    open: int
    room: int
    queued: int
    ready: bool = True
    """Whether it can start a sandbox at once."""


def engine_labels() -> dict[str, str]:
    """What each kind of engine is called on a page, by its name."""
    return registry.labels()


class LabsClient:
    """Client of the labs hosts.

    Threads may share one; it holds no state but the Redis client (text mode, explicit timeouts).
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def hosts(self) -> list[HostInfo]:
        """The hosts that are alive, most room first."""
        with _reaching_labs(_LESSONS_WORK):
            raw = _texts(self.redis.hgetall(keys.HOSTS))
        hosts = [HostInfo(id=name, **json.loads(data)) for name, data in raw.items()]
        fresh = [host for host in hosts if time.time() - host.at < HOST_FRESH_S]
        return sorted(fresh, key=lambda host: (-host.room, host.queued))

    def open(
        self,
        lab: str,
        *,
        owner: str,
        settings: dict[str, Any] | None = None,
        met: Collection[str] = (),
        deadline_s: float = 10.0,
    ) -> SandboxInfo:
        """Ask for a sandbox; returns at once with its id, `opening` or `queued`. `met` are the
        checks of the lab that the owner has met before. The owner's sandbox of this lab, if there
        is one, is returned as it is; `set_up` changes its settings.

        Raises SandboxTaken if the owner has one of another lab.
        """
        hosts = self.hosts()
        if not hosts:
            raise HostAway("No labs host is running.", hint=_LESSONS_WORK)
        known = self.find(owner)
        host = known.host if known else hosts[0].id
        wanted = {"lab": lab, "owner": owner, "settings": settings or {}, "met": sorted(met)}
        data = self._ask(host, "open", "", wanted, deadline_s)
        return SandboxInfo(**data)

    def find(self, owner: str) -> SandboxInfo | None:
        """The owner's sandbox, if there is one that is not closed."""
        with _reaching_labs(_LESSONS_WORK):
            sandbox = self.redis.get(keys.OWNER.format(owner))
        if not sandbox:
            return None
        try:
            info = self.info(str(sandbox))
        except UnknownSandbox:
            return None
        return info if info.owner == owner else None

    def info(self, sandbox: str) -> SandboxInfo:
        """What is known of a sandbox; UnknownSandbox if there is none."""
        with _reaching_labs(_LESSONS_WORK):
            raw = _texts(self.redis.hgetall(keys.SANDBOX.format(sandbox)))
        if not raw:
            raise no_such_sandbox()
        return SandboxInfo(
            id=sandbox,
            owner=raw["owner"],
            lab=raw["lab"],
            host=raw["host"],
            status=raw["status"],
            position=int(raw.get("position") or 0),
            reason=raw.get("reason", ""),
        )

    def call(
        self, sandbox: SandboxInfo | str, call: str, *, deadline_s: float = 12.0, **args: Any
    ) -> dict[str, Any]:
        """Have a sandbox do something (docs/architecture.md lists the calls); raises the LabsError
        that it raised.

        Carries the call and nothing else: the caller decides who may make it. An id costs a round
        trip more than the info, which names the host.
        """
        info = sandbox if isinstance(sandbox, SandboxInfo) else self.info(sandbox)
        return self._ask(info.host, call, info.id, args, deadline_s)

    def events(self, sandbox: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        """The feed after a sequence number, oldest first.

        A gap after `after` means that older events are gone: draw from `state` again.
        """
        with _reaching_labs():
            raw: Any = self.redis.xrange(
                keys.FEED.format(sandbox), min=f"({after}-0" if after else "-", count=limit
            )
        return [decode(json.loads(fields["e"])) for _, fields in raw]

    def state_from_feed(self, sandbox: str) -> SandboxState:
        """The state that the feed adds up to, for a sandbox that can't be asked for it yet."""
        state = SandboxState()
        for entry in self.events(sandbox):
            state.apply(entry)
        return state

    @staticmethod
    def channel(sandbox: str) -> str:
        """Where a sandbox's events are published as they happen, as JSON (labs.events.encode)."""
        return keys.FEED.format(sandbox)

    def living(self, sandboxes: Iterable[str]) -> set[str]:
        """Those of these sandboxes that a host still speaks for, asked in one round trip."""
        asked = list(sandboxes)
        with _reaching_labs(), self.redis.pipeline(transaction=False) as pipe:
            for sandbox in asked:
                pipe.exists(keys.SANDBOX.format(sandbox))
            found = pipe.execute()
        return {sandbox for sandbox, there in zip(asked, found, strict=True) if there}

    def outcomes(
        self, *, after: str = "0", block_ms: int = 1_000, limit: int = 500
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Outcomes that hosts wait to have recorded, as (stream id, outcome).

        They come again until acknowledged.
        """
        read: Any = self.redis.xread({keys.OUTCOMES: after}, block=block_ms, count=limit)
        for _, entries in read or []:
            for entry_id, fields in entries:
                yield entry_id, json.loads(fields["o"])

    def acknowledge(self, host: str, outcome_ids: list[str]) -> None:
        """Let a host delete these outcomes. Call it after their commit in Postgres."""
        if outcome_ids:
            self.redis.rpush(keys.ACKS.format(host), *outcome_ids)
            self.redis.expire(keys.ACKS.format(host), 60)

    def _ask(
        self, host: str, call: str, sandbox: str, args: dict[str, Any], deadline_s: float
    ) -> dict[str, Any]:
        request_id = secrets.token_hex(8)
        request = {
            "id": request_id,
            "call": call,
            "sandbox": sandbox,
            "args": args,
            "until": time.time() + deadline_s,
        }
        encoded = json.dumps(request)
        if len(encoded) > 128 * 1024:
            raise BadInput("That is too much text for one request.", hint="Keep it under 64 KiB.")
        with _reaching_labs("Try again in a moment."):
            self.redis.rpush(keys.REQUESTS.format(host), encoded)
            answer = self._await(host, keys.REPLY.format(request_id), deadline_s)
        if answer is None:
            raise no_answer_in_time()
        reply = json.loads(answer)
        if "error" in reply:
            raise from_data(reply["error"])
        return dict(reply["reply"])

    def _await(self, host: str, key: str, deadline_s: float) -> str | None:
        """BLPOP in slices shorter than the client's own socket timeout.

        Raises HostAway when the host that should reply has not reported for a while.
        """
        began, end = time.time(), time.monotonic() + deadline_s
        while (left := end - time.monotonic()) > 0:
            got = self.redis.blpop([key], timeout=min(left, SLICE_S))
            if got:
                return str(got[1])
            raw = self.redis.hget(keys.HOSTS, host)
            seen = json.loads(raw)["at"] if raw else began
            if time.time() - seen > HOST_FRESH_S:
                raise HostAway("The labs do not answer.", hint=_LESSONS_WORK)
        return None


@contextlib.contextmanager
def _reaching_labs(hint: str = "") -> Iterator[None]:
    """Raise HostAway where the portal Redis does not answer."""
    try:
        yield
    except RedisError as exc:
        raise HostAway("The labs can't be reached just now.", hint=hint, detail=str(exc)) from exc


def _texts(mapping: object) -> dict[str, str]:
    """A hash of a client in text mode; its stub can't know the mode."""
    assert isinstance(mapping, dict)
    return {str(name): str(value) for name, value in mapping.items()}
