"""What a labs host writes to the portal's Redis: events, announcements, outcomes.

Events and announcements may be lost. Outcomes may not: they stay in the outbox until they are
acknowledged.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from labs.events import Entry, encode
from labs.host import keys
from labs.host.outbox import Outbox
from labs.host.record import SandboxRecord

log = logging.getLogger("labs.publisher")

ANNOUNCE_S = 1.0
SANDBOX_KEY_S = 4
CLOSED_KEY_S = 120
FEED_KEY_S = 6 * 3600
HOST_AWAY_S = 60
BATCH = 200
_FORGET_OWNER = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"
)


class Publisher:
    """Writes for one labs host. Any thread may call; `publish_events` is a thread's whole work."""

    def __init__(self, redis: Redis, host: str, outbox: Outbox) -> None:
        self._redis = redis
        self._host = host
        self._outbox = outbox
        self._events: queue.SimpleQueue[tuple[SandboxRecord, Entry] | None] = queue.SimpleQueue()
        self._new_outcome = threading.Event()
        self._stopped = threading.Event()

    def put_event(self, record: SandboxRecord, entry: Entry) -> None:
        """Have an event published soon."""
        self._events.put((record, entry))

    def put_outcome(self, record: SandboxRecord, outcome: dict[str, Any]) -> None:
        """Keep an outcome safe, and have it sent soon."""
        about = {"host": self._host, "owner": record.owner, "lab": record.lab}
        self._outbox.put(outcome | about | {"at": round(time.time(), 3)})
        self._new_outcome.set()

    def publish_events(self) -> None:
        """Publish until stopped. Everything that waits goes out in one round trip."""
        while batch := self._next_batch():
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    for sandbox in {record.id for record, _ in batch}:
                        pipe.expire(keys.FEED.format(sandbox), FEED_KEY_S)
                    for record, entry in batch:
                        body = json.dumps(encode(entry), separators=(",", ":"))
                        key = keys.FEED.format(record.id)
                        pipe.xadd(
                            key,
                            {"e": body},
                            id=f"{entry.seq}-0",
                            maxlen=feed_length(record, len(body)),
                            approximate=True,
                        )
                        pipe.publish(key, body)
                    pipe.execute(raise_on_error=False)
            except RedisError as exc:
                log.warning("%d events were not published: %s", len(batch), exc)
                self._stopped.wait(0.2)

    def send_outcomes(self) -> None:
        """Wait up to a second for new outcomes; send what is due, forget what is acknowledged."""
        self._new_outcome.wait(1.0)
        self._new_outcome.clear()
        if self._stopped.is_set():
            return
        due = self._outbox.due()
        with self._redis.pipeline(transaction=False) as pipe:
            for body in due:
                # An acknowledgement to the id of an earlier life of this host would not be read.
                pipe.xadd(
                    keys.OUTCOMES,
                    {"o": json.dumps(json.loads(body) | {"host": self._host})},
                    maxlen=20_000,
                    approximate=True,
                )
            pipe.execute()
        self._outbox.sent(due)
        while (acknowledged := self._redis.lpop(keys.ACKS.format(self._host))) is not None:
            self._outbox.acknowledged(str(acknowledged))

    def wake(self) -> None:
        """End the wait of `send_outcomes`."""
        self._new_outcome.set()

    def announce_host(self, about: dict[str, Any]) -> None:
        """Report that this host runs; a host without a report for a minute is forgotten."""
        self._redis.hset(keys.HOSTS, self._host, json.dumps({"at": time.time()} | about))
        for name, raw in self._redis.hgetall(keys.HOSTS).items():
            if time.time() - json.loads(raw)["at"] > HOST_AWAY_S:
                self._redis.hdel(keys.HOSTS, name)

    def announce(self, records: Iterable[tuple[SandboxRecord, dict[str, Any]]]) -> None:
        """Publish the state of each sandbox, and which one its owner has."""
        with contextlib.suppress(RedisError), self._redis.pipeline(transaction=False) as pipe:
            for record, info in records:
                key = keys.SANDBOX.format(record.id)
                pipe.hset(
                    key, mapping={name: str(value) for name, value in info.items() if name != "id"}
                )
                pipe.expire(key, CLOSED_KEY_S if record.status == "closed" else SANDBOX_KEY_S)
                owner = keys.OWNER.format(record.owner)
                if record.status != "closed":
                    pipe.set(owner, record.id, ex=SANDBOX_KEY_S)
                elif record.closed_at + 2 * ANNOUNCE_S > time.monotonic():
                    pipe.eval(_FORGET_OWNER, 1, owner, record.id)
            pipe.execute()

    def withdraw_host(self) -> None:
        """This host is no more."""
        with contextlib.suppress(RedisError):
            self._redis.hdel(keys.HOSTS, self._host)

    def stop(self) -> None:
        """Publish what waits, then end `publish_events`."""
        self._stopped.set()
        self._new_outcome.set()
        self._events.put(None)

    def _next_batch(self) -> list[tuple[SandboxRecord, Entry]]:
        """What waits to be published, at least one entry; empty at the end (None in the queue)."""
        batch: list[tuple[SandboxRecord, Entry]] = []
        waiting = self._events.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == BATCH or self._events.empty():
                return batch
            waiting = self._events.get()
        if batch:
            self._events.put(None)
        return batch


def feed_length(record: SandboxRecord, size: int) -> int:
    """How many events a feed may hold, by how large they have been lately."""
    record.event_bytes += (size - record.event_bytes) / 50
    return int(min(keys.FEED_LENGTH, max(keys.FEED_LEAST, keys.FEED_BYTES / record.event_bytes)))
