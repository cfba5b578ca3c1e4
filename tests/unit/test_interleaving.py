"""Schedules: all of them once, none twice, each can be played again."""

from collections import Counter
from dataclasses import dataclass
from math import comb

import pytest

from labs.catalogue.write_through_race.strategies import STRATEGIES
from labs.setups.interleaving.race import planned
from labs.setups.interleaving.schedules import beginning_with, every, following, sampled


@dataclass(frozen=True)
class Taken:
    schedule: str
    waiting: tuple[str, ...]


def play_of(lengths, *, blocks=lambda schedule: False):
    """A play without servers: workers with `lengths` steps; it ends early where a step blocks."""

    def play(choose):
        left, schedule, waiting_at = Counter(lengths), "", []
        while waiting := "".join(sorted(letter for letter, steps in left.items() if steps)):
            letter = choose(len(schedule), waiting)
            waiting_at.append(waiting)
            schedule, left[letter] = schedule + letter, left[letter] - 1
            if blocks(schedule):
                break
        return Taken(schedule, tuple(waiting_at))

    return play


@pytest.mark.parametrize(("a", "b"), [(3, 3), (4, 4), (1, 4), (5, 5)])
def test_two_workers_are_enumerated_whole(a, b):
    schedules = [taken.schedule for taken in every(play_of({"A": a, "B": b}), limit=1_000)]

    assert len(schedules) == len(set(schedules)) == comb(a + b, a)
    assert schedules == sorted(schedules)


def test_three_workers_are_enumerated_whole_too():
    assert (
        len({taken.schedule for taken in every(play_of({"A": 2, "B": 2, "C": 1}), limit=1_000)})
        == 30
    )


def test_a_worker_that_meets_a_hit_has_fewer_steps():
    def play(choose):
        """B has one step if A has taken all of its two before, else three."""
        left, schedule, waiting_at = {"A": 2, "B": 3}, "", []
        while waiting := "".join(letter for letter, steps in left.items() if steps):
            letter = choose(len(schedule), waiting)
            waiting_at.append(waiting)
            schedule += letter
            left[letter] = 0 if schedule == "AAB" else left[letter] - 1
        return Taken(schedule, tuple(waiting_at))

    schedules = [taken.schedule for taken in every(play, limit=100)]

    assert "AAB" in schedules
    assert len(schedules) == len(set(schedules)) == 10


def test_a_schedule_that_blocks_stands_for_all_that_begin_so():
    played = list(
        every(
            play_of({"A": 3, "B": 3}, blocks=lambda schedule: schedule in ("AB", "BA")), limit=100
        )
    )
    lengths = Counter("AAABBB")

    blocked = [taken.schedule for taken in played if len(taken.schedule) < 6]

    assert blocked == ["AB", "BA"]
    assert len(played) - len(blocked) + sum(
        beginning_with(schedule, lengths) for schedule in blocked
    ) == comb(6, 3)


def test_no_more_than_asked_for():
    assert len(list(every(play_of({"A": 5, "B": 5}), limit=7))) == 7


def test_a_sample_is_the_same_for_the_same_seed_and_tells_nothing_twice():
    play = play_of({"A": 3, "B": 3, "C": 3})
    one, two, other = (
        [taken.schedule for taken in sampled(play, seed=seed, draws=50)] for seed in (7, 7, 8)
    )

    assert one == two != other
    assert len(one) == len(set(one)) <= 50


@pytest.mark.parametrize(
    ("asked", "played"),
    [("BABA", "BABA"), ("BB", "BBAA"), ("BBBBBA", "BBAA"), ("", "AABB"), ("CCB", "BAAB")],
)
def test_a_schedule_is_followed_and_what_can_t_go_is_passed_over(asked, played):
    assert play_of({"A": 2, "B": 2})(following(asked)).schedule == played


def test_a_plan_is_the_strategy_s_own_text():
    assert planned(STRATEGIES["cache-aside"], "reader") == ["read cache", "read DB", "write cache"]
    assert planned(STRATEGIES["cache-aside"], "writer") == ["write DB", "commit", "delete cache"]
    assert planned(STRATEGIES["delete-first"], "writer") == ["delete cache", "write DB", "commit"]
    assert planned(STRATEGIES["compare-and-set"], "writer") == [
        "write DB",
        "commit",
        "store if newer",
    ]
    assert planned(STRATEGIES["lease"], "reader") == [
        "read cache",
        "write cache: lease",
        "read DB",
        "store if leased",
    ]
    assert planned(STRATEGIES["lease"], "eviction") == ["delete cache"]
