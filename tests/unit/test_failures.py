"""A load whose requests fail: how many did in the last second, why, and when that is over."""

from __future__ import annotations

import errno

import psycopg
import pytest

from labs.caching.cache import CacheDown
from labs.clients.resp import ReplyError
from labs.engines.control import down
from labs.load.batches import Batch
from labs.load.failures import Failing, Failures, words_of


def batch(*, done: int = 0, errors: int = 0, error: str = "") -> Batch:
    return Batch("redis", "cache-aside", done=done, errors=errors, error=error)


def test_requests_that_are_answered_are_no_failure():
    failures = Failures()

    failures.add(batch(done=60), 10.0)

    assert failures.look(10.1) is None


def test_those_of_the_last_second_are_counted_with_the_newest_words():
    failures = Failures()
    failures.add(batch(errors=6, error="too old"), 9.0)
    for tenth in range(10):
        failures.add(batch(done=1, errors=5, error=f"error {tenth}"), 10.0 + tenth / 10)

    assert failures.look(10.95) == Failing(50, 60, "error 9")


def test_a_failure_without_words_keeps_those_of_the_one_before():
    failures = Failures()
    failures.add(batch(errors=1, error="refused"), 10.0)
    failures.add(batch(errors=1), 10.1)

    assert failures.look(10.2) == Failing(2, 2, "refused")


def test_it_is_over_a_while_after_requests_succeed_again():
    failures = Failures()
    failures.add(batch(errors=6, error="refused"), 10.0)
    failures.add(batch(done=6), 10.5)

    assert failures.look(10.6) == Failing(6, 12, "refused")
    assert failures.look(11.2) == Failing(6, 12, "refused")
    assert failures.look(11.6) is None


def test_while_no_request_ends_what_was_so_last_still_is():
    failures = Failures()
    failures.add(batch(errors=4, error="timed out"), 10.0)
    failures.look(10.1)

    assert failures.look(60.0) == Failing(4, 4, "timed out")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (
            psycopg.errors.UndefinedTable('relation "products" does not exist\nLINE 1: SELECT …'),
            'relation "products" does not exist',
        ),
        (OSError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_the_words_are_those_of_the_cause(cause: Exception, words: str):
    error = down("database", cause)
    error.__cause__ = cause

    assert words_of(error) == words


def test_an_error_without_a_cause_has_its_own_words():
    assert words_of(CacheDown("OOM command not allowed")) == "OOM command not allowed"
    assert words_of(ReplyError("NOREPLICAS Not enough good replicas to write.")).startswith(
        "NOREPLICAS"
    )
