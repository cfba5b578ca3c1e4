"""The portal's own caches: what they keep, for how long, and that nothing hangs on them."""

from __future__ import annotations

from redis.exceptions import ConnectionError as RedisAway

from portal.web.caching import PAUSE_S, Cache, Shelf


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


def test_a_redis_that_is_away_is_asked_once_and_then_left_alone_for_a_while():
    redis, clock = AlwaysAway(), Clock()
    cache = Cache(redis, clock=clock)  # type: ignore[arg-type]  # it fails like a Redis

    assert [cache.get("name", lambda: "value", ttl_s=30) for _ in range(5)] == ["value"] * 5
    assert redis.calls == 1

    clock.now += PAUSE_S + 0.1
    cache.forget("name")
    assert redis.calls == 2


def test_a_page_on_the_shelf_is_kept_for_a_moment():
    clock, rendered = Clock(), []
    shelf = Shelf(ttl_s=2.0, clock=clock)

    def render() -> str:
        rendered.append(1)
        return f"page {len(rendered)}"

    assert [shelf.get("lesson", render), shelf.get("lesson", render)] == ["page 1", "page 1"]
    clock.now += 2.0
    assert shelf.get("lesson", render) == "page 2"


def test_strangers_share_a_page_and_learners_do_not(client, other):
    shared = [client.get("/lessons/first").text for _ in range(2)]
    other.post("/lessons/first/read")

    assert shared[0] == shared[1]
    assert "You have read this lesson." in other.get("/lessons/first").text
    assert "You have read this lesson." not in client.get("/lessons/first").text


def test_strangers_who_answer_the_same_page_are_two_learners(app, client, other, sql):
    page = client.get("/lessons/first").text
    key = page.split('name="key" value="')[1][:32]
    assert key in other.get("/lessons/first").text

    for browser in (client, other):
        browser.post("/lessons/first/quiz/a-number", data={"value": "12.5", "key": key})

    assert sql("SELECT count(DISTINCT learner_id) FROM answer") == [(2,)]
