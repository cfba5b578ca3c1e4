"""Client-side caching of the portal Redis: what it spares, and that a change is never missed."""

from __future__ import annotations

import pytest

from portal.web.near import LIFE_S, Near
from portal.web.parts import make_redis
from tests.web.conftest import wait_until
from tests.web.test_caching import Clock

KEY = "cache:name"


class Asked:
    """A question to Redis that counts how often it was asked."""

    def __init__(self, redis) -> None:
        self.redis = redis
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.redis.get(KEY)


@pytest.fixture
def asked(portal_redis):
    return Asked(portal_redis)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def near(redis_server, portal_redis, clock):
    client = make_redis(redis_server.url, timeout_s=0.5, connect_timeout_s=0.5, protocol=3)
    yield Near(client, "cache:", clock=clock)
    client.close()


def ask(near: Near, asked: Asked) -> str | None:
    return near.get(KEY, asked, worth=lambda value: not value.startswith("lease "))


def test_what_does_not_change_is_asked_once(near, asked, portal_redis):
    portal_redis.set(KEY, "value")

    assert [ask(near, asked) for _ in range(5)] == ["value"] * 5
    assert asked.times == 1


@pytest.mark.parametrize(
    "change", [lambda r: r.set(KEY, "new"), lambda r: r.delete(KEY), lambda r: r.pexpire(KEY, 0)]
)
def test_a_change_by_anybody_is_seen_by_the_next_question(near, asked, portal_redis, change):
    for round_ in range(50):
        portal_redis.set(KEY, f"value {round_}")
        assert ask(near, asked) == ask(near, asked) == f"value {round_}"

        change(portal_redis)

        assert ask(near, asked) == portal_redis.get(KEY)


def test_an_emptied_redis_is_noticed(near, asked, portal_redis):
    portal_redis.set(KEY, "value")
    ask(near, asked)
    portal_redis.flushall()

    # Redis answers who emptied it first, and tells the others then.
    wait_until(lambda: ask(near, asked) is None)


def test_what_changed_while_it_was_asked_is_not_kept(near, asked, portal_redis):
    portal_redis.set(KEY, "old")

    def overtaken():
        answer = asked()
        portal_redis.set(KEY, "new")
        return answer

    assert near.get(KEY, overtaken, worth=bool) == "old"
    assert ask(near, asked) == "new"


def test_a_lease_is_not_kept(near, asked, portal_redis):
    portal_redis.set(KEY, "lease of somebody")
    ask(near, asked)
    ask(near, asked)

    assert asked.times == 2


def test_nothing_is_kept_for_longer_than_it_would_stay_in_redis(near, asked, portal_redis, clock):
    portal_redis.set(KEY, "value")
    ask(near, asked)
    clock.now += LIFE_S + 0.1
    ask(near, asked)

    assert asked.times == 2


def test_a_lost_connection_forgets_everything_and_is_made_again(near, asked, portal_redis, clock):
    portal_redis.set(KEY, "old")
    ask(near, asked)
    ours = portal_redis.client_id()
    for client in portal_redis.client_list():
        if int(client["id"]) != ours:
            portal_redis.client_kill_filter(_id=client["id"])
    portal_redis.set(KEY, "new")

    assert ask(near, asked) == "new"
    clock.now += 3
    assert [ask(near, asked) for _ in range(3)] == ["new"] * 3
    assert asked.times == 3


def test_without_a_connection_every_question_is_asked():
    near = Near(
        make_redis("unix:///nowhere", timeout_s=0.2, connect_timeout_s=0.2, protocol=3), "cache:"
    )
    answers = iter("abc")

    assert [near.get(KEY, lambda: next(answers), worth=bool) for _ in range(3)] == ["a", "b", "c"]
