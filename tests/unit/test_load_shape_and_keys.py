"""When requests begin and what they ask for: pure, so it can be said exactly."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from labs.load.keys import ZipfKeys
from labs.load.schedule import BEHIND_LIMIT_S, Schedule


def test_arrivals_keep_to_the_rate_however_late_a_request_is():
    schedule = Schedule(100.0, next_at=0.0)

    due = [schedule.take(now) for now in (0.0, 0.5, 0.5, 0.5)]

    assert due == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert schedule.scheduled == 4


def test_a_client_far_behind_drops_what_it_missed_and_counts_it():
    schedule = Schedule(100.0, next_at=0.0)

    due = schedule.take(10.0)

    assert due == pytest.approx(10.0, abs=0.011)
    assert schedule.dropped == pytest.approx(1_000, abs=1)
    assert schedule.scheduled == schedule.dropped + 1


@given(st.floats(1, 2_000), st.lists(st.floats(0, BEHIND_LIMIT_S / 4), min_size=5, max_size=50))
def test_no_arrival_is_lost(rate, gaps):
    schedule = Schedule(rate, next_at=0.0)
    now = 0.0
    for gap in gaps:
        now += gap
        while schedule.next_at <= now:
            schedule.take(now)

    assert schedule.scheduled == pytest.approx(now * rate, abs=1.01 + now * rate * 1e-9)


def test_arrivals_by_chance_keep_the_rate_and_take_no_turns():
    clients = [Schedule(50.0, next_at=0.0, chance=random.Random(seed)) for seed in (1, 2)]

    came = sorted(
        (client.take(0.0), number) for number, client in enumerate(clients) for _ in range(2_000)
    )
    in_time = [number for at, number in came if at <= 30]
    same_again = sum(a == b for a, b in itertools.pairwise(in_time))

    assert len(in_time) == pytest.approx(2 * 50 * 30, rel=0.05)
    assert same_again == pytest.approx(len(in_time) / 2, rel=0.1)


def test_the_same_seed_draws_the_same_items():
    first, second = (ZipfKeys(range(1, 101), skew=1.0, seed=3) for _ in range(2))

    assert [first.draw() for _ in range(50)] == [second.draw() for _ in range(50)]


def test_skew_makes_the_first_item_the_most_popular_and_none_makes_all_equal():
    skewed, even = (ZipfKeys(range(1, 51), skew=skew, seed=1) for skew in (1.0, 0.0))

    counts = Counter(skewed.draw() for _ in range(20_000))

    assert counts[1] / 20_000 == pytest.approx(1 / sum(1 / rank for rank in range(1, 51)), rel=0.1)
    assert counts[1] / counts[2] == pytest.approx(2.0, rel=0.2)
    uniform = Counter(even.draw() for _ in range(20_000))
    assert all(uniform[item] == pytest.approx(400, rel=0.25) for item in range(1, 51))


def test_there_must_be_something_to_draw_from():
    with pytest.raises(ValueError, match="at least one"):
        ZipfKeys([], skew=1.0, seed=1)
