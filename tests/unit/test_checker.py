"""A check that was met stays met for the learner; a run is given what is so now."""

import pytest

from labs.events import CheckChanged
from labs.lab import check, met, unmet
from labs.sandbox import checker as module
from labs.sandbox.checker import Checker


class Servers:
    """What the check below judges."""

    hits = 0


@check("The cache counted a hit")
def counted(servers):
    evidence = {"hits": servers.hits}
    if not servers.hits:
        raise unmet("The cache has counted no hit.", hint="Read it.")
    if servers.hits > 2:
        raise unmet("The cache counted too many hits.", evidence)
    return met(f"The cache counted {servers.hits} hits.", evidence)


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
def events():
    return []


@pytest.fixture
def outcomes():
    return []


@pytest.fixture
def checker(servers, events, outcomes, monkeypatch):
    monkeypatch.setattr(module, "SAME_STATUS_EVERY_S", 0.0)
    return Checker(
        servers, [counted], emit=events.append, outcome=lambda *one: outcomes.append(one)
    )


def changed(events):
    """The newest event, and nothing but the fields that a page shows."""
    event = events[-1]
    assert isinstance(event, CheckChanged)
    return event.status, event.message, event.evidence, event.now


def test_what_was_met_stays_met_and_says_what_is_so_now(checker, servers, events):
    checker.judge()
    servers.hits = 1
    checker.judge()
    servers.hits = 3
    checker.judge()

    first = "met", "The cache counted 1 hits.", {"hits": 1}
    assert changed(events) == (*first, "The cache counted too many hits.")

    servers.hits = 2
    checker.judge()

    assert changed(events) == (*first, "")


def test_a_reset_takes_nothing_that_was_met(checker, servers, events):
    servers.hits = 1
    checker.judge()
    met_at = events[-1].met_at
    servers.hits = 0
    checker.clear()
    checker.judge()

    assert changed(events) == (
        "met",
        "The cache counted 1 hits.",
        {"hits": 1},
        "The cache has counted no hit.",
    )
    assert events[-1].met_at == met_at > 0
    assert not events[-1].news


def test_a_run_is_given_what_is_so_now(checker, servers):
    servers.hits = 1
    assert checker.judge()["counted"].status == "met"
    servers.hits = 3
    assert checker.judge()["counted"].status == "unmet"


def test_it_is_news_and_an_outcome_once(checker, servers, events, outcomes):
    for hits in (0, 1, 0, 2, 3, 1):
        servers.hits = hits
        checker.judge()

    assert [event.check for event in events if event.news] == ["counted"]
    assert outcomes == [
        (
            "check",
            "counted",
            "met",
            {"message": "The cache counted 1 hits.", "evidence": {"hits": 1}},
        )
    ]


def test_an_unmet_check_shows_its_newest_finding(checker, servers, events):
    servers.hits = 3
    checker.judge()
    servers.hits = 4
    checker.judge()

    assert changed(events) == ("unmet", "The cache counted too many hits.", {"hits": 4}, "")
