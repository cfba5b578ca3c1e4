"""What only a guide asks, judged by made-up requests and readings."""

from types import SimpleNamespace

import pytest

from labs.catalogue.cache_aside.guide import old_price_was_read
from labs.catalogue.eviction.guide import load_was_watched
from labs.catalogue.invalidation.guide import category_is_held
from labs.errors import LabsError
from labs.events import Value
from labs.sandbox.ledger import Ledger, Request
from labs.sandbox.sampler import Reading

NOT_INVALIDATED = "cache-aside-no-invalidation"


def request(ledger, function="read", *, item=42, strategy=NOT_INVALIDATED, queries=0, version=1):
    """One more request; the database has version 2."""
    ledger.add(
        Request(
            number=ledger.next_number(),
            function=function,
            strategy=strategy,
            engine="redis",
            item=item,
            what="page",
            meaning="hit",
            began=1.0,
            ended=1.0,
            took_ms=1.0,
            hits=1,
            misses=0,
            queries=queries,
            alone=True,
            version=version,
            committed=2,
            ttl_s=20.0,
            cache_down=False,
            answered=True,
        )
    )


def is_met(check, **sandbox):
    try:
        return check.judge(SimpleNamespace(**sandbox)).status == "met"
    except LabsError:
        return False


@pytest.fixture
def ledger():
    return Ledger()


def test_a_read_after_the_end_of_the_ttl_is_not_the_stale_one_that_the_guide_asks_for(ledger):
    request(ledger, "write", version=2)
    request(ledger, version=2)

    assert not is_met(old_price_was_read, ledger=ledger)


def test_only_a_stale_read_after_the_newest_price_change_counts(ledger):
    request(ledger, "write", version=2)
    request(ledger, version=1)
    assert is_met(old_price_was_read, ledger=ledger)

    request(ledger, "write", version=2)
    assert not is_met(old_price_was_read, ledger=ledger)
    request(ledger, item=7, version=1)
    assert not is_met(old_price_was_read, ledger=ledger)

    request(ledger, version=1)
    assert is_met(old_price_was_read, ledger=ledger)


@pytest.mark.parametrize(
    ("queries", "held"),
    [([0] * 11, True), ([0] * 10, False), ([1, *[0] * 10], False), ([1] * 11 + [0] * 11, True)],
)
def test_a_category_is_held_when_the_newest_eleven_reads_were_hits(ledger, queries, held):
    for asked in queries:
        request(ledger, strategy="tags", queries=asked)

    assert is_met(category_is_held, ledger=ledger) is held


@pytest.mark.parametrize(
    ("percents", "watched"),
    [
        ([0.0] * 4, True),
        ([0.0] * 2, False),
        ([90.0, 0.0, 0.0, 0.0], True),
        ([0.0] * 3 + [50.0], False),
    ],
)
def test_hardly_any_read_was_a_hit_for_three_seconds(percents, watched):
    settings: dict[str, Value] = {"policy": "volatile-lru"}
    history = [
        Reading(float(at), 1.0, True, settings, {"hit_rate_percent": percent})
        for at, percent in enumerate(percents)
    ]

    sampler = SimpleNamespace(history=history)
    assert is_met(load_was_watched, sampler=sampler, settings=settings) is watched
