"""Every 429 and 503 says when to try again, in its words and in its header."""

from __future__ import annotations

import re

import pytest
from flask import abort

from portal.web import learner
from portal.web.rates import Rate
from portal.web.stream import hub_of

HTMX = {"HX-Request": "true"}
PROGRESS = "/lessons/first/progress"
SECTION = {"section": "the-end"}


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(app):
    """The clock of a site where an address begins once in 7 seconds."""
    clock = Clock()
    app.extensions[learner.KEY] = Rate(per_s=1 / 7, burst=1, clock=clock)
    return clock


def begin(app):
    return app.test_client().post(PROGRESS, data=SECTION, headers=HTMX)


def test_a_new_learner_who_is_refused_may_begin_when_the_answer_says_so(app, clock):
    assert begin(app).status_code == 204
    clock.now = 1.5
    refused = begin(app)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "6"
    assert "Try again in 6 seconds." in refused.text

    clock.now = 6.9
    early = begin(app)
    assert early.status_code == 429
    assert early.headers["Retry-After"] == "1"
    assert "Try again in a second." in early.text

    clock.now = 1.5 + 6
    assert begin(app).status_code == 204


def test_a_known_learner_is_not_refused(app, clock, client):
    client.post(PROGRESS, data=SECTION)

    assert begin(app).status_code == 429
    assert client.post(PROGRESS, data=SECTION).status_code == 204


@pytest.mark.parametrize(("left", "wait_s"), [(3, 0), (1, 0), (0, 2)])
def test_a_rate_says_how_long_to_wait(left, wait_s):
    rate = Rate(per_s=0.5, burst=3, clock=Clock())
    for _ in range(3 - left):
        rate.take("a")

    assert rate.wait_s("a") == wait_s
    assert rate.wait_s("b") == 0


@pytest.fixture
def known(client):
    """The client, as a learner."""
    client.post(PROGRESS, data=SECTION)
    return client


@pytest.fixture
def database_away(known, postgres):
    postgres.go_away()
    yield
    postgres.come_back()


@pytest.fixture
def labs_away(redis_server):
    redis_server.go_away()
    yield
    redis_server.come_back()


def says_when(response):
    assert response.status_code == 503
    assert re.fullmatch(r"[1-9]\d?", response.headers["Retry-After"])
    return "again in" in response.text


def test_without_the_database(app, known, database_away):
    answer = ("/lessons/first/quiz/a-number", {"value": "1"})

    assert says_when(known.get("/me"))
    assert says_when(begin(app))
    assert says_when(known.post(answer[0], data=answer[1]))
    assert says_when(known.post(answer[0], data=answer[1], headers=HTMX))
    says_when(known.get("/healthz?deep=1"))


def test_without_the_labs(client, opened, redis_server, labs_away):
    assert says_when(client.post(f"/sandboxes/{opened.id}/keep", headers=HTMX))
    assert says_when(client.post("/labs/cache-aside/sandbox"))
    says_when(client.get("/healthz?deep=1"))


def test_without_a_place_for_another_stream(app, client, opened):
    hub_of(app).per_worker = 0

    assert says_when(client.get(f"/sandboxes/{opened.id}/events"))


def test_whatever_else_is_busy(app, client):
    app.add_url_rule("/busy", "busy", lambda: abort(503))
    app.add_url_rule("/many", "many", lambda: abort(429))

    assert says_when(client.get("/busy"))
    assert client.get("/many").headers["Retry-After"] == "5"
    assert "Try again in 5 seconds." in client.get("/many").text
