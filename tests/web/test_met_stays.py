"""A check that was met stays met on the page, with the reading that met it: while the bench is
open, after a reset, when it is closed, and on the next bench.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from labs.client import find
from labs.events import CheckChanged, CheckStatus
from portal.bench.values import counted, met_on
from tests.web.faked_labs import FakedLabs, FakedSandbox

LAB = "cache-aside"
CHECK = find(LAB).checks[0]
READING = "Request 1 asked the cache and got nothing."
STORED = (
    "insert into outcome (id, learner_id, lab, kind, name, status, data, at) "
    "values (%s, %s, %s, 'check', %s, 'met', %s, %s)"
)


def changed(status: CheckStatus, message: str, **more: Any) -> CheckChanged:
    return CheckChanged(check=CHECK.name, claim=CHECK.claim, status=status, message=message, **more)


def item_of(page: str, name: str = CHECK.name) -> str:
    """The check's part of the page."""
    found = re.search(rf'<li data-check="{name}".*?</li>', page, re.DOTALL)
    assert found
    return found[0]


@pytest.fixture
def stored(client: FlaskClient, sql: Callable[..., Any], learner_of: Callable[..., str]) -> str:
    """The learner, who met the first check on an earlier bench."""
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    learner = learner_of(client)
    data = f'{{"message": "{READING}", "evidence": {{"cache_misses": 1}}}}'
    sql(STORED, "o1", learner, LAB, CHECK.name, data, datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    return learner


def test_a_closed_bench_shows_what_was_met_with_its_reading(
    client: FlaskClient, labs_host: FakedLabs, stored: str
) -> None:
    page = client.get(f"/labs/{LAB}").text

    assert "1 of 5 met" in page
    item = item_of(page)
    assert 'data-state="met"' in item and READING in item
    assert "Met on 04 March 2026" in item
    assert "How this was counted" in item and "Lookups that the cache counted as misses" in item
    assert 'data-state="unmet"' in item_of(page, find(LAB).checks[1].name)


def test_the_next_bench_opens_with_it(
    client: FlaskClient, stored: str, opened: FakedSandbox
) -> None:
    item = item_of(client.get(f"/labs/{LAB}").text)

    assert 'data-state="met"' in item and READING in item and "data-before" in item
    assert re.search(r'class="so-now" hidden', item)


def test_what_this_bench_sees_else_is_a_second_line(
    client: FlaskClient, stored: str, opened: FakedSandbox
) -> None:
    opened.tell(changed("unmet", "Postgres counted 2 queries.", evidence={"database_queries": 2}))

    item = item_of(client.get(f"/labs/{LAB}").text)

    assert 'data-state="met"' in item and READING in item
    assert re.search(r'class="so-now">Now: <span data-now>Postgres counted 2 queries', item)


def test_what_this_bench_meets_again_is_the_reading(
    client: FlaskClient, stored: str, opened: FakedSandbox
) -> None:
    opened.tell(changed("met", "Request 9 asked.", now="Request 12 found it.", met_at=1e9))

    item = item_of(client.get(f"/labs/{LAB}").text)

    assert "Request 9 asked." in item and READING not in item
    assert "Now: <span data-now>Request 12 found it." in item
    assert "Met on 09 September 2001" in item


def test_a_hostile_reading_is_only_text(
    client: FlaskClient, labs_host: FakedLabs, sql: Callable[..., Any], stored: str
) -> None:
    sql(
        STORED,
        "o2",
        stored,
        LAB,
        CHECK.name,
        '{"message": 7, "evidence": ["x"]}',
        datetime.now(UTC),
    )

    assert client.get(f"/labs/{LAB}").status_code == 200


def test_a_time_that_is_none_is_not_shown() -> None:
    assert met_on(2.0**53) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(19903, "19,903"), (56.234567, "56.2346"), (True, "yes"), ("redis", "redis"), (0.19, "0.19")],
)
def test_values_are_for_people(value: Any, shown: str) -> None:
    assert counted(value) == shown
