"""The hub of a web process: one thread that listens on the portal's Redis and passes every event to
the streams of its sandbox.

A stream starts with what it missed (read from the feed after the browser's last id) and goes on
live, without gap or duplicate. It never holds a database session and never blocks another stream: a
slow reader loses its oldest events and gets `resync`, and after ten seconds without reading its
socket is closed. A reader that closed its connection frees its place within a second. The hub knows
no meaning of an event.

Named events: `hello` first, `beat` when nothing else was said for the time of a heartbeat, `resync`
after a loss, `gone` when the sandbox vanished without a last event, and as the last one, once,
`bye` with a reason: closed, gone, stopping, elsewhere, away, left. A beat is an event, since a page
never sees a comment: without it, it could not tell a quiet stream from a dead one.
"""

from __future__ import annotations

import json
import logging
import random
import secrets
import select
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from labs.client import LabsClient
from labs.errors import LabsError
from labs.events import encode

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
SLOW_READER_S = 10.0
GONE_AFTER_S = 3.0
QUEUE_LENGTH = 100
PER_LEARNER = 6
PER_WORKER = 520
"""Workers share one listening socket and connections fall on them unevenly: 500 streams must fit
even where one worker gets nearly all. `portal.serve.gunicorn_settings` has more threads than this.
"""
BACKLOG_PAGE = 1_000


class TooManyStreams(Exception):
    """There is no place for another stream just now; the browser should poll for a while."""


def patience_for(heartbeat_s: float) -> dict[str, int]:
    """How long a page waits, in milliseconds, where streams beat so often: for the first event of a
    stream, for the next one, for an answer; between two questions, and before it tries the stream
    again. static/js/source.js keeps to it.
    """
    of = {"first": 1.0, "next": 2.4, "answer": 1.6, "ask": 0.2, "again": 2.0}
    return {name: round(heartbeat_s * 1000 * beats) for name, beats in of.items()}


class Stream:
    """One reader of one sandbox's feed. The hub puts in, one request thread takes out."""

    def __init__(
        self, sandbox: str, learner: str, after: int, connection: socket.socket | None = None
    ) -> None:
        self.sandbox = sandbox
        self.learner = learner
        self.last = after
        self.connection = connection
        self.listening = threading.Event()
        self._changed = threading.Condition()
        self._queue: deque[tuple[int, str]] = deque()
        self._lost = False
        self._behind = False
        self._end = ""

    def put(self, seq: int, data: str) -> None:
        """Add an event; over the limit the oldest is dropped, and the reader gets `resync`."""
        with self._changed:
            if len(self._queue) >= QUEUE_LENGTH:
                self._queue.popleft()
                self._lost = True
            self._queue.append((seq, data))
            self._changed.notify()

    def fall_behind(self) -> None:
        """The hub itself may have missed events: read the feed again from the last one sent."""
        with self._changed:
            self._behind = True
            self._changed.notify()

    def end(self, reason: str) -> None:
        """Finish after what is queued; the first reason stays."""
        with self._changed:
            self._end = self._end or reason
            self._changed.notify()
        self.listening.set()

    @property
    def ended(self) -> bool:
        """True once it has an end."""
        return bool(self._end)

    def take(self, timeout_s: float) -> tuple[list[tuple[int, str]], bool, bool, str]:
        """Wait for a change: (events, lost some?, read the feed again?, end reason)."""
        with self._changed:
            if not (self._queue or self._lost or self._behind or self._end):
                self._changed.wait(timeout_s)
            events, lost, behind = list(self._queue), self._lost, self._behind
            self._queue.clear()
            self._lost = self._behind = False
            return events, lost, behind, self._end


class Hub:
    """All streams of this process and the one thread that feeds them.

    `redis` needs text mode and a socket timeout over a second.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        per_learner: int = PER_LEARNER,
        per_worker: int = PER_WORKER,
        heartbeat_s: float = HEARTBEAT_S,
        slow_reader_s: float = SLOW_READER_S,
    ) -> None:
        self.redis = redis
        self.client = LabsClient(redis)
        self.per_learner, self.per_worker = per_learner, per_worker
        self.heartbeat_s, self.slow_reader_s = heartbeat_s, slow_reader_s
        self.patience = patience_for(heartbeat_s)
        self._lock = threading.Lock()
        self._streams: dict[str, list[Stream]] = defaultdict(list)
        self._subscribed: dict[str, str] = {}
        self._joined_or_left = threading.Event()
        self._wake = f"labs:wake:{secrets.token_hex(6)}"
        self._missing: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def join(
        self,
        sandbox: str,
        learner: str,
        after: int,
        connection: socket.socket | None = None,
        *,
        may_end_another: bool = True,
    ) -> Stream:
        """A new stream, to be left when it is read. If the learner has too many, their oldest ends;
        unless `may_end_another`, there is none. It ends soon after its reader closes `connection`.
        Raises TooManyStreams.
        """
        stream = Stream(sandbox, learner, after, connection)
        with self._lock:
            if self._places_taken(learner) >= self.per_worker:
                # Readers that closed a moment ago may still be counted.
                gone = _closed_by_reader(self._all())
                for other in gone:
                    other.end("left")
                if self._places_taken(learner) - len(gone) >= self.per_worker:
                    raise TooManyStreams
            mine = [other for other in self._all() if other.learner == learner and not other.ended]
            if len(mine) >= self.per_learner and not may_end_another:
                raise TooManyStreams
            for other in mine[: max(0, len(mine) - self.per_learner + 1)]:
                other.end("elsewhere")
            self._streams[sandbox].append(stream)
            if self._stop.is_set():
                stream.end("stopping")
            elif self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="sse-hub", daemon=True)
                self._thread.start()
        self._poke()
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream; harmless when it is gone already."""
        with self._lock:
            streams = self._streams.get(stream.sandbox, [])
            if stream in streams:
                streams.remove(stream)
            if not streams:
                self._streams.pop(stream.sandbox, None)
        self._poke()

    def count(self) -> int:
        """How many streams are open in this process."""
        with self._lock:
            return sum(map(len, self._streams.values()))

    def stop(self) -> None:
        """End every stream with `bye`; safe in the thread of a signal handler."""
        self._stop.set()
        for streams in list(self._streams.values()):
            for stream in list(streams):
                stream.end("stopping")

    def messages(self, stream: Stream) -> Iterator[str]:
        """What is written to the reader, from `hello` to `bye`."""
        yield (
            f"retry: {random.randint(700, 1_500)}\nevent: hello\ndata: "
            f"{json.dumps({'after': stream.last})}\n\n"
        )
        reason = "" if stream.listening.wait(self.heartbeat_s) else "away"
        behind, ended = True, ""
        while not reason:
            try:
                if behind:
                    yield from self._backlog(stream)
            except LabsError:
                reason = "away"
                break
            events, lost, behind, ended = stream.take(self.heartbeat_s)
            if lost:
                yield f"event: resync\ndata: {json.dumps({'after': stream.last})}\n\n"
            fresh = [(seq, data) for seq, data in events if seq > stream.last]
            if fresh:
                stream.last = fresh[-1][0]
                yield "".join(f"id: {seq}\ndata: {data}\n\n" for seq, data in fresh)
                if '"type":"sandbox-closed"' in fresh[-1][1].replace(" ", "")[-4_000:]:
                    reason = "closed"
            elif not (lost or behind or ended):
                yield "event: beat\ndata: {}\n\n"
            reason = reason or ended
        if reason == "gone":
            yield "event: gone\ndata: {}\n\n"
        yield f"event: bye\ndata: {json.dumps({'reason': reason})}\n\n"

    def _backlog(self, stream: Stream) -> Iterator[str]:
        while not stream.ended:
            entries = self.client.events(stream.sandbox, after=stream.last, limit=BACKLOG_PAGE)
            if not entries:
                return
            yield "".join(
                f"id: {entry.seq}\ndata: {json.dumps(encode(entry))}\n\n" for entry in entries
            )
            stream.last = entries[-1].seq
            if entries[-1].event.type == "sandbox-closed":
                stream.end("closed")
            if len(entries) < BACKLOG_PAGE:
                return

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    def _places_taken(self, learner: str) -> int:
        """Streams that hold a thread, without those that a new one of this learner would end."""
        streams = self._all()
        mine = sum(stream.learner == learner and not stream.ended for stream in streams)
        return len(streams) - max(0, mine - self.per_learner)

    def _poke(self) -> None:
        self._joined_or_left.set()
        try:
            self.redis.publish(self._wake, "")
        except RedisError:
            log.debug("The hub could not be woken; it looks for itself within half a second.")

    def _run(self) -> None:
        while not self._stop.is_set():
            # redis-py leaves it untyped
            pubsub = self.redis.pubsub(ignore_subscribe_messages=False)  # type: ignore[no-untyped-call]
            self._subscribed = {}
            try:
                pubsub.subscribe(self._wake)
                self._listen(pubsub)
            except (RedisError, LabsError) as exc:
                log.warning("The event hub lost the portal's Redis: %s", exc)
                self._stop.wait(0.5)
            finally:
                try:
                    pubsub.close()
                except RedisError:
                    log.debug("The hub's old connection was dead already.")

    def _listen(self, pubsub: Any) -> None:
        looked = time.monotonic()
        self._follow(pubsub)
        while not self._stop.is_set():
            message = pubsub.get_message(timeout=0.5)
            if (
                message is not None
                and (sandbox := self._subscribed.get(message["channel"])) is not None
            ):
                if message["type"] == "message":
                    self._deliver(sandbox, message["data"])
                elif message["type"] == "subscribe":
                    self._on_subscribed(sandbox)
            if self._joined_or_left.is_set() or message is None:
                self._follow(pubsub)
            if time.monotonic() - looked >= 1.0:
                looked = time.monotonic()
                self._end_closed_by_reader()
                self._look_for_lost()

    def _follow(self, pubsub: Any) -> None:
        """Subscribe to the sandboxes that are watched now, and only to those."""
        self._joined_or_left.clear()
        with self._lock:
            watched = {self.client.channel(sandbox): sandbox for sandbox in self._streams}
        before, self._subscribed = self._subscribed, watched
        for channel in watched.keys() - before.keys():
            pubsub.subscribe(channel)
        for channel in before.keys() - watched.keys():
            pubsub.unsubscribe(channel)
        for channel in watched.keys() & before.keys():
            self._on_subscribed(watched[channel], is_new=False)

    def _on_subscribed(self, sandbox: str, *, is_new: bool = True) -> None:
        """Let waiting streams read the past; those before a new subscription may lack events."""
        for stream in self._of(sandbox):
            if is_new and stream.listening.is_set():
                stream.fall_behind()
            stream.listening.set()

    def _deliver(self, sandbox: str, data: str) -> None:
        try:
            seq = int(json.loads(data)["seq"])
        except (ValueError, TypeError, KeyError):
            log.warning("An event of sandbox %.40r has no sequence number.", sandbox)
            return
        safe = data.replace("\r", "").replace("\n", "")
        for stream in self._of(sandbox):
            stream.put(seq, safe)

    def _end_closed_by_reader(self) -> None:
        # A write would show it only at the second heartbeat: the first meets a reset.
        with self._lock:
            streams = self._all()
        for stream in _closed_by_reader(streams):
            stream.end("left")

    def _look_for_lost(self) -> None:
        with self._lock:
            watched = list(self._streams)
        if not watched:
            return
        living, now = self.client.living(watched), time.monotonic()
        for sandbox in watched:
            if sandbox in living:
                self._missing.pop(sandbox, None)
            elif now - self._missing.setdefault(sandbox, now) > GONE_AFTER_S:
                for stream in self._of(sandbox):
                    stream.end("gone")
        for sandbox in self._missing.keys() - set(watched):
            del self._missing[sandbox]

    def _of(self, sandbox: str) -> list[Stream]:
        with self._lock:
            return list(self._streams.get(sandbox, ()))


def _closed_by_reader(streams: Iterable[Stream]) -> list[Stream]:
    """Those whose connection the other side, or this process meanwhile, has closed."""
    poll, by_number = select.poll(), {}
    for stream in streams:
        if stream.connection is not None and (number := stream.connection.fileno()) >= 0:
            poll.register(number, select.POLLRDHUP | select.POLLHUP)
            by_number[number] = stream
    return [by_number[number] for number, _ in poll.poll(0)]
