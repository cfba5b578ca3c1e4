"""The portal's own caches: what they keep, for how long, and that nothing hangs on them."""

from __future__ import annotations

import re

import pytest
from redis.exceptions import ConnectionError as RedisAway

from portal.web.caching import PAUSE_S, Cache
from tests.web.faked_labs import faked_labs


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class AlwaysAway:
    """A Redis that refuses every call, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    def __getattr__(self, name: str):
        def refuse(*args, **kwargs):
            self.calls += 1
            raise RedisAway("refused")

        return refuse


@pytest.fixture
def labs(app, redis_server):
    """Labs in which nothing runs."""
    with faked_labs(redis_server.socket) as faked:
        yield faked


def test_a_value_is_loaded_once_and_then_found(portal_redis):
    loads = []
    cache = Cache(portal_redis)

    for _ in range(3):
        assert cache.get("name", lambda: loads.append(1) or {"a": 1}, ttl_s=30) == {"a": 1}

    assert len(loads) == 1
    assert 0 < portal_redis.ttl("cache:name") <= 30


def test_a_forgotten_value_is_loaded_again(portal_redis):
    cache = Cache(portal_redis)
    cache.get("name", lambda: "old", ttl_s=30)

    cache.forget("name")

    assert cache.get("name", lambda: "new", ttl_s=30) == "new"


def test_what_was_loaded_before_it_was_forgotten_is_not_kept(portal_redis):
    cache = Cache(portal_redis)

    def load_slowly() -> str:
        cache.forget("name")
        return "old"

    assert cache.get("name", load_slowly, ttl_s=30) == "old"
    assert cache.get("name", lambda: "new", ttl_s=30) == "new"


def test_who_meets_a_lease_loads_too_and_stores_nothing(portal_redis):
    cache = Cache(portal_redis)

    def load() -> str:
        assert cache.get("name", lambda: "another's", ttl_s=30) == "another's"
        return "mine"

    assert cache.get("name", load, ttl_s=30) == "mine"
    assert cache.get("name", lambda: "not asked", ttl_s=30) == "mine"


def test_a_redis_that_is_away_is_asked_once_and_then_left_alone_for_a_while():
    redis, clock = AlwaysAway(), Clock()
    cache = Cache(redis, clock=clock)  # type: ignore[arg-type]  # it fails like a Redis

    assert [cache.get("name", lambda: "value", ttl_s=30) for _ in range(5)] == ["value"] * 5
    assert redis.calls == 1

    clock.now += PAUSE_S + 0.1
    cache.forget("name")
    assert redis.calls == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda client, key: client.post("/lessons/first/read"),
        lambda client, key: client.post(
            "/lessons/first/quiz/one-of-three",
            data={"choice": option_in(client.get("/lessons/first").text), "form-key": key},
        ),
        lambda client, key: client.post(
            "/labs/sample-lab/predictions/queries", data={"value": "1", "confidence": "fairly"}
        ),
    ],
)
def test_every_change_is_on_the_next_page(client, change):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    before = [client.get("/lessons/first").text for _ in range(2)]

    change(client, before[1].split('name="form-key" value="')[1][:32])

    assert without_keys(client.get("/lessons/first").text) != without_keys(before[1])


def test_a_bench_that_was_closed_is_shown_and_one_that_opens_too(client, labs, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    assert 'data-phase="none"' in [client.get("/lessons/first").text for _ in range(2)][1]

    client.post("/labs/sample-lab/sandbox")
    labs.opened(learner_of(client))
    assert 'data-phase="open"' in client.get("/lessons/first").text
    client.post(f"/sandboxes/{labs.of(learner_of(client)).id}/close")

    assert 'data-phase="none"' in client.get("/lessons/first").text


def option_in(page: str) -> str:
    return page.split('name="choice" value="')[1].split('"')[0]


def without_keys(page: str) -> str:
    return re.sub(r'name="form-key" value="[0-9a-f]{32}"', "", page)
