"""The lessons on Redis: the client that is shown can be built, and each says what its notes promise
and what holds today.
"""

from __future__ import annotations

import re

import pytest
from redis import Redis
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError

from portal.settings import ROOT

AVAILABILITY = (ROOT / "lessons/redis-high-availability/lesson.md").read_text(encoding="utf-8")
DURABILITY = (ROOT / "lessons/redis-durability-and-backup/lesson.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError, ReadOnlyError])
def test_the_client_that_the_lesson_shows_tries_again(error):
    (code,) = re.findall(r"^```python\n(.*?)^```", AVAILABILITY, re.DOTALL | re.MULTILINE)
    built: dict[str, Redis] = {}
    exec(code, built)
    connection = built["cache"].connection_pool.make_connection()
    assert isinstance(connection, AbstractConnection)
    retry = connection.retry
    attempts = iter([error, None])

    def once_in_vain() -> str:
        if (failure := next(attempts)) is not None:
            raise failure
        return "OK"

    assert retry.get_retries() == 8
    assert retry.call_with_retry(once_in_vain, lambda _: None) == "OK"


def test_eight_retries_wait_for_about_as_long_as_the_lesson_says():
    means = [
        min(cap, cap - cap * cap / (2 * most)) if most > cap else most / 2
        for cap, most in ((2.0, 0.1 * 2**failures) for failures in range(1, 9))
    ]

    assert 7.5 < sum(means) < 9


@pytest.mark.parametrize(
    ("lesson", "notes"),
    [
        (AVAILABILITY, "Multi AZ with Auto-Failover"),
        (AVAILABILITY, "Read Replicas to scale reads and have high availability"),
        (DURABILITY, "Data durability using AOF persistence"),
        (DURABILITY, "No backup and restore"),
    ],
)
def test_a_line_of_the_notes_is_quoted_and_answered(lesson, notes):
    assert notes in lesson
    assert "::: today" in lesson
