"""Outcomes: each recorded once, acknowledged only when it is safe."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from portal.recorder import KEPT, Recorder

OUTCOMES = "labs:outcomes"


@pytest.fixture
def recorder(app):
    """A recorder on the tests' servers."""
    services = app.extensions["cacheground"]
    return Recorder(services.sessions, services.client.redis, services.cache)


@pytest.fixture
def learner(client, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    return learner_of(client)


@pytest.fixture
def tell(portal_redis, learner):
    """Have a host tell of an outcome."""

    def add(outcome_id: str, **more: Any) -> None:
        outcome = {
            "id": outcome_id,
            "host": "here",
            "owner": learner,
            "lab": "sample-lab",
            "kind": "check",
            "name": "first",
            "status": "met",
            "data": {},
            "at": time.time(),
        } | more
        portal_redis.xadd(OUTCOMES, {"o": json.dumps(outcome)})

    return add


def acknowledged(portal_redis):
    return portal_redis.lrange("labs:acks:here", 0, -1)


def test_an_outcome_is_written_and_then_acknowledged(recorder, tell, portal_redis, sql, learner):
    tell("o1", data={"queries": 1})

    assert recorder.record(block_ms=10) == 1

    assert sql("SELECT id, learner_id, lab, kind, name, status, data FROM outcome") == [
        ("o1", learner, "sample-lab", "check", "first", "met", {"queries": 1})
    ]
    assert acknowledged(portal_redis) == ["o1"]


def test_figures_of_a_bench_are_an_outcome_of_one_name(recorder, tell, sql):
    tell("o1", kind="figures", name="figures", status="measured", data={"hit_ms": 0.2})
    tell("o2", kind="figures", name="others", status="measured", data={"hit_ms": 0.3})

    recorder.record(block_ms=10)

    assert sql("SELECT id, data FROM outcome") == [("o1", {"hit_ms": 0.2})]


def test_an_outcome_that_comes_again_is_written_once_and_acknowledged_again(
    recorder, tell, portal_redis, sql
):
    tell("o1")
    tell("o1")
    recorder.record(block_ms=10)
    tell("o1")
    recorder.record(block_ms=10)

    assert sql("SELECT count(*) FROM outcome") == [(1,)]
    assert acknowledged(portal_redis) == ["o1", "o1", "o1"]


def test_nothing_is_acknowledged_while_postgres_is_away(
    recorder, tell, portal_redis, postgres, sql
):
    tell("o1")
    postgres.go_away()
    try:
        with pytest.raises(OperationalError):
            recorder.record(block_ms=10)
        assert acknowledged(portal_redis) == []
    finally:
        postgres.come_back()

    recorder.record(block_ms=10)

    assert acknowledged(portal_redis) == ["o1"]


def test_an_emptied_redis_is_read_from_its_new_beginning(recorder, tell, portal_redis, sql):
    tell("o1")
    recorder.record(block_ms=10)
    portal_redis.flushall()
    tell("o2")

    recorder.record(block_ms=10)

    assert sql("SELECT id FROM outcome ORDER BY id") == [("o1",), ("o2",)]


def test_a_redis_that_is_away_is_an_error_that_run_survives(recorder, redis_server):
    redis_server.go_away()
    try:
        with pytest.raises(RedisError):
            recorder.record(block_ms=10)
    finally:
        redis_server.come_back()


def test_an_outcome_of_a_learner_who_is_gone_is_acknowledged_and_left_out(
    recorder, tell, portal_redis, sql
):
    tell("o1", owner="0" * 32)

    recorder.record(block_ms=10)

    assert sql("SELECT count(*) FROM outcome") == [(0,)]
    assert acknowledged(portal_redis) == ["o1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": "x" * 200},
        {"at": "yesterday"},
        {"at": 1e30},
        {"data": "text"},
        {"owner": "a\0b"},
        {"data": {"a": "\0"}},
        {"data": {"a": float("nan")}},
        {"data": {"a": "\ud800"}},
    ],
)
def test_an_outcome_that_is_none_does_not_hold_up_the_others(recorder, tell, sql, wrong):
    tell("o1", **wrong)
    tell("o2")

    recorder.record(block_ms=10)

    assert sql("SELECT id FROM outcome") == [("o2",)]


def test_a_measured_prediction_is_settled(recorder, tell, client, sql):
    client.post(
        "/labs/sample-lab/predictions/queries", data={"value": "1.2", "confidence": "fairly"}
    )
    tell("o1", kind="prediction", name="queries", status="measured", data={"value": 1.0})

    recorder.record(block_ms=10)

    assert sql("SELECT value, measured, held FROM prediction") == [(1.2, 1.0, True)]


def test_a_prediction_made_after_the_measurement_is_not_settled_by_it(recorder, tell, client, sql):
    client.post(
        "/labs/sample-lab/predictions/queries", data={"value": "1.2", "confidence": "fairly"}
    )
    tell(
        "o1",
        kind="prediction",
        name="queries",
        status="measured",
        data={"value": 1.0},
        at=time.time() - 60,
    )

    recorder.record(block_ms=10)

    assert sql("SELECT measured FROM prediction") == [(None,)]


def test_the_course_page_knows_of_an_outcome_at_once(recorder, tell, client):
    client.get("/")
    tell("o1")

    recorder.record(block_ms=10)

    assert '>1 of 2<span class="visually-hidden"> checks met</span>' in client.get("/").text


@pytest.mark.parametrize(
    "other", [{"lab": "no-such-lab"}, {"name": "no-such-check"}, {"name": "queries"}]
)
def test_what_the_lab_does_not_have_is_left_out(recorder, tell, portal_redis, sql, other):
    tell("o1", **other)
    tell("o2")

    recorder.record(block_ms=10)

    assert sql("SELECT id FROM outcome") == [("o2",)]
    assert acknowledged(portal_redis) == ["o1", "o2"]


def test_the_newest_outcomes_of_each_name_stay(recorder, tell, sql):
    for number in range(KEPT + 5):
        tell(f"o{number}", at=1_000_000 + number)
    tell("other", name="second", at=1)
    tell("prediction", kind="prediction", name="queries", status="measured", at=1)

    while recorder.record(block_ms=10):
        pass

    assert sql(
        "SELECT name, count(*), min(at) > to_timestamp(1000004) FROM outcome GROUP BY 1 ORDER BY 1"
    ) == [("first", KEPT, True), ("queries", 1, False), ("second", 1, False)]
