"""The hub of event streams: what a reader hears, in which order, and what happens when it or the
machine behind it fails.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from labs.events import Entry, Event, NoteAdded, SandboxClosed, encode
from portal.serve import gunicorn_settings
from portal.settings import Settings
from portal.web.hub import PER_WORKER, QUEUE_LENGTH, Hub, TooManyStreams
from portal.web.services import MAX_CONNECTIONS, make_redis
from portal.web.stream import hub_of
from tests.waiting import eventually

SANDBOX = "5a9d"


class Publisher:
    """The labs host's side of one feed."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.seq = 0
        self.live()

    def live(self) -> None:
        self.redis.hset(
            f"labs:sandbox:{SANDBOX}",
            mapping={"owner": "me", "lab": "sample-lab", "host": "here", "status": "open"},
        )

    def tell(self, event: Event | None = None, *, published: bool = True) -> None:
        self.seq += 1
        data = json.dumps(
            encode(
                Entry(self.seq, 1_000.0 + self.seq, event or NoteAdded(text=f"event {self.seq}"))
            )
        )
        self.redis.xadd(f"labs:feed:{SANDBOX}", {"e": data}, id=f"{self.seq}-0")
        if published:
            self.redis.publish(f"labs:feed:{SANDBOX}", data)


class Reader:
    """A browser's side of a stream, read in a thread."""

    begun: ClassVar[list[Reader]] = []
    """Those of this test: a hub's Redis is closed after they have left."""

    def __init__(self, hub: Hub, *, after: int = 0, learner: str = "me") -> None:
        self.hub = hub
        self.stream = hub.join(SANDBOX, learner, after)
        self.text: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.begun.append(self)

    def _run(self) -> None:
        for part in self.hub.messages(self.stream):
            self.text.append(part)
        self.hub.leave(self.stream)

    @property
    def seqs(self) -> list[int]:
        return [int(line[4:]) for line in "".join(self.text).split("\n") if line.startswith("id: ")]

    @property
    def named(self) -> list[str]:
        """The named events but the beats, which come whenever nothing else does."""
        lines = "".join(self.text).split("\n")
        names = [line[7:] for line in lines if line.startswith("event: ")]
        return [name for name in names if name != "beat"]

    def until(self, true: Any, deadline_s: float = 8.0) -> None:
        eventually(lambda: true(self), deadline_s)

    def end(self) -> None:
        self._thread.join(8)
        assert not self._thread.is_alive()


@pytest.fixture
def hub(settings: Settings, portal_redis: Redis) -> Iterator[Hub]:
    redis = make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=1.0)
    made = Hub(redis, heartbeat_s=0.5)
    yield made
    made.stop()
    if made._thread:
        made._thread.join(5)
    while Reader.begun:
        Reader.begun.pop().end()
    redis.close()


@pytest.fixture
def publisher(portal_redis: Redis) -> Publisher:
    return Publisher(portal_redis)


def test_the_first_event_comes_at_once_and_names_the_place(hub: Hub, publisher: Publisher) -> None:
    reader = Reader(hub, after=7)

    reader.until(lambda r: r.text)

    assert "event: hello" in reader.text[0]
    assert '{"after": 7}' in reader.text[0]
    assert reader.text[0].startswith("retry: ")


def test_a_reader_hears_the_past_and_then_the_present_once_each(
    hub: Hub, publisher: Publisher
) -> None:
    for _ in range(30):
        publisher.tell()

    reader = Reader(hub, after=10)
    while reader.seqs[-1:] != [200]:
        if publisher.seq < 200:
            publisher.tell()
        reader.until(lambda r: True)

    assert reader.seqs == list(range(11, 201))


def test_two_readers_of_one_sandbox_hear_the_same(hub: Hub, publisher: Publisher) -> None:
    first = Reader(hub)
    first.until(lambda r: r.text)
    second = Reader(hub)
    for _ in range(50):
        publisher.tell()

    for reader in (first, second):
        reader.until(lambda r: r.seqs[-1:] == [50])
        assert reader.seqs == list(range(1, 51))


def test_a_silent_feed_beats_with_an_event_that_a_page_can_time(
    hub: Hub, publisher: Publisher
) -> None:
    reader = Reader(hub)

    reader.until(lambda r: r.text.count("event: beat\ndata: {}\n\n") >= 2)

    assert not any(line.startswith(":") for line in "".join(reader.text).split("\n"))


def test_a_page_waits_longer_than_a_stream_is_ever_quiet(app: Flask, client: FlaskClient) -> None:
    page = client.get("/labs/cache-aside").text
    found = re.search(r"data-patience='([^']+)'", page)
    assert found
    patience = json.loads(found[1])

    assert patience == hub_of(app).patience
    assert patience["next"] >= 2 * hub_of(app).heartbeat_s * 1000
    assert min(patience.values()) > 0


def test_a_stream_that_made_room_comes_back_without_ending_another(
    hub: Hub, publisher: Publisher
) -> None:
    readers = [Reader(hub) for _ in range(7)]
    readers[0].end()

    with pytest.raises(TooManyStreams):
        hub.join(SANDBOX, "me", 0, may_end_another=False)

    assert [reader.stream.ended for reader in readers[1:]] == [False] * 6
    readers[3].stream.end("left")
    readers[3].end()
    again = hub.join(SANDBOX, "me", 0, may_end_another=False)
    assert not any(reader.stream.ended for reader in readers[4:])
    hub.leave(again)


def test_a_closed_sandbox_says_goodbye_once(hub: Hub, publisher: Publisher) -> None:
    reader = Reader(hub)
    publisher.tell()

    publisher.tell(SandboxClosed(reason="You closed your bench."))
    reader.end()

    assert reader.seqs == [1, 2]
    assert reader.named == ["hello", "bye"]
    assert '"reason": "closed"' in reader.text[-1]


def test_a_sandbox_that_is_lost_is_told_within_seconds(
    hub: Hub, publisher: Publisher, portal_redis: Redis
) -> None:
    reader = Reader(hub)
    publisher.tell()
    reader.until(lambda r: r.seqs == [1])

    portal_redis.delete(f"labs:sandbox:{SANDBOX}")
    reader.end()

    assert reader.named == ["hello", "gone", "bye"]


def test_a_stop_ends_every_stream(hub: Hub, publisher: Publisher) -> None:
    readers = [Reader(hub, learner=f"learner {n}") for n in range(5)]
    for reader in readers:
        reader.until(lambda r: r.text)

    hub.stop()

    for reader in readers:
        reader.end()
        assert '"reason": "stopping"' in reader.text[-1]
    assert hub.count() == 0


def test_a_slow_reader_loses_its_oldest_and_is_told(hub: Hub, publisher: Publisher) -> None:
    stream = hub.join(SANDBOX, "me", 0)
    messages = hub.messages(stream)
    next(messages)
    assert stream.listening.wait(5)
    for seq in range(1, QUEUE_LENGTH + 51):
        stream.put(seq, json.dumps({"seq": seq}))

    told = [next(messages), next(messages)]

    assert "event: resync" in told[0]
    assert told[1].count("id: ") == QUEUE_LENGTH
    assert told[1].startswith("id: 51\n")
    hub.leave(stream)


def test_the_oldest_stream_of_a_learner_makes_room(hub: Hub, publisher: Publisher) -> None:
    readers = [Reader(hub) for _ in range(6)]
    for reader in readers:
        reader.until(lambda r: r.text)

    seventh = Reader(hub)
    readers[0].end()

    assert '"reason": "elsewhere"' in readers[0].text[-1]
    publisher.tell()
    seventh.until(lambda r: r.seqs == [1])
    readers[1].until(lambda r: r.seqs == [1])


def test_a_stream_ends_when_its_reader_closes_the_connection(
    hub: Hub, publisher: Publisher
) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        stream = hub.join(SANDBOX, "me", 0, ours)
        messages = hub.messages(stream)
        assert "event: hello" in next(messages)

        theirs.close()

        # Nothing is written to the socket here, so only a look at it can end this.
        assert '"reason": "left"' in list(messages)[-1]
        hub.leave(stream)


def test_a_place_is_free_as_soon_as_its_reader_has_gone(
    settings: Settings, portal_redis: Redis
) -> None:
    redis = make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=1.0)
    hub = Hub(redis, per_worker=3)
    pairs = [socket.socketpair() for _ in range(3)]
    streams = [hub.join(SANDBOX, f"learner {n}", 0, pair[0]) for n, pair in enumerate(pairs)]

    pairs[0][1].close()

    hub.join(SANDBOX, "one more", 0)
    assert [stream.ended for stream in streams] == [True, False, False]
    with pytest.raises(TooManyStreams):
        hub.join(SANDBOX, "and another", 0)
    hub.stop()
    assert hub._thread
    hub._thread.join(5)
    redis.close()
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_worker_has_a_thread_for_every_stream_and_a_connection_for_every_thread() -> None:
    assert PER_WORKER + 16 < gunicorn_settings.threads <= MAX_CONNECTIONS
    assert PER_WORKER >= 500


def test_a_full_worker_refuses(settings: Settings, portal_redis: Redis) -> None:
    redis = make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=1.0)
    hub = Hub(redis, per_worker=3)
    streams = [hub.join(SANDBOX, f"learner {n}", 0) for n in range(3)]

    with pytest.raises(TooManyStreams):
        hub.join(SANDBOX, "one more", 0)

    hub.leave(streams[0])
    hub.join(SANDBOX, "one more", 0)
    hub.stop()
    assert hub._thread
    hub._thread.join(5)
    redis.close()


def test_events_that_were_never_published_are_found_when_the_connection_comes_back(
    hub: Hub, publisher: Publisher, portal_redis: Redis
) -> None:
    reader = Reader(hub)
    publisher.tell()
    reader.until(lambda r: r.seqs == [1])

    publisher.tell(published=False)
    for client in portal_redis.client_list(_type="pubsub"):
        portal_redis.client_kill_filter(_id=client["id"])
    reader.until(lambda r: r.seqs == [1, 2])

    publisher.tell()
    reader.until(lambda r: r.seqs == [1, 2, 3])


def test_an_event_cannot_forge_a_line_of_the_stream(hub: Hub, publisher: Publisher) -> None:
    reader = Reader(hub)

    publisher.tell(NoteAdded(text="one\n\nevent: bye\ndata: {}\n\n"))
    reader.until(lambda r: r.seqs == [1])

    assert reader.named == ["hello"]
