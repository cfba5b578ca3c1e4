"""Orders of steps: all of them once, none twice, in an order that can be said again."""

from collections import Counter
from dataclasses import dataclass
from math import comb

import pytest

from labs.catalogue.write_through_race.strategies import STRATEGIES
from labs.setups.interleaving.orders import beginning_with, every, following, sampled
from labs.setups.interleaving.race import planned


@dataclass(frozen=True)
class Taken:
    order: str
    waiting: tuple[str, ...]


def play_of(lengths, *, blocks=lambda order: False):
    """A play without servers: workers with so many steps; it ends early where a step blocks."""

    def play(choose):
        left, order, waiting_at = Counter(lengths), "", []
        while waiting := "".join(sorted(letter for letter, steps in left.items() if steps)):
            letter = choose(len(order), waiting)
            waiting_at.append(waiting)
            order, left[letter] = order + letter, left[letter] - 1
            if blocks(order):
                break
        return Taken(order, tuple(waiting_at))

    return play


@pytest.mark.parametrize(("a", "b"), [(3, 3), (4, 4), (1, 4), (5, 5)])
def test_two_workers_are_enumerated_whole(a, b):
    orders = [taken.order for taken in every(play_of({"A": a, "B": b}), most=1_000)]

    assert len(orders) == len(set(orders)) == comb(a + b, a)
    assert orders == sorted(orders)


def test_three_workers_are_enumerated_whole_too():
    assert (
        len({taken.order for taken in every(play_of({"A": 2, "B": 2, "C": 1}), most=1_000)}) == 30
    )


def test_a_worker_that_meets_a_hit_has_fewer_steps():
    def play(choose):
        """B has one step if A has taken all of its two before, else three."""
        left, order, waiting_at = {"A": 2, "B": 3}, "", []
        while waiting := "".join(letter for letter, steps in left.items() if steps):
            letter = choose(len(order), waiting)
            waiting_at.append(waiting)
            order += letter
            left[letter] = 0 if order == "AAB" else left[letter] - 1
        return Taken(order, tuple(waiting_at))

    orders = [taken.order for taken in every(play, most=100)]

    assert "AAB" in orders
    assert len(orders) == len(set(orders)) == 10


def test_an_order_that_blocks_stands_for_all_that_begin_so():
    played = list(
        every(play_of({"A": 3, "B": 3}, blocks=lambda order: order in ("AB", "BA")), most=100)
    )
    lengths = Counter("AAABBB")

    blocked = [taken.order for taken in played if len(taken.order) < 6]

    assert blocked == ["AB", "BA"]
    assert len(played) - len(blocked) + sum(
        beginning_with(order, lengths) for order in blocked
    ) == comb(6, 3)


def test_no_more_than_asked_for():
    assert len(list(every(play_of({"A": 5, "B": 5}), most=7))) == 7


def test_a_sample_is_the_same_for_the_same_seed_and_tells_nothing_twice():
    play = play_of({"A": 3, "B": 3, "C": 3})
    one, two, other = (
        [taken.order for taken in sampled(play, seed=seed, draws=50)] for seed in (7, 7, 8)
    )

    assert one == two != other
    assert len(one) == len(set(one)) <= 50


@pytest.mark.parametrize(
    ("asked", "played"),
    [("BABA", "BABA"), ("BB", "BBAA"), ("BBBBBA", "BBAA"), ("", "AABB"), ("CCB", "BAAB")],
)
def test_an_order_is_followed_and_what_can_t_go_is_passed_over(asked, played):
    assert play_of({"A": 2, "B": 2})(following(asked)).order == played


def test_a_plan_is_the_strategy_s_own_text():
    assert planned(STRATEGIES["cache-aside"], "reader", what="row") == [
        "read cache",
        "read DB",
        "write cache",
    ]
    assert planned(STRATEGIES["cache-aside"], "writer", what="row") == [
        "write DB",
        "commit",
        "delete cache",
    ]
    assert planned(STRATEGIES["delete-first"], "writer", what="row") == [
        "delete cache",
        "write DB",
        "commit",
    ]
    assert planned(STRATEGIES["compare-and-set"], "writer", what="row") == [
        "write DB",
        "commit",
        "store if newer",
    ]
    assert planned(STRATEGIES["lease"], "reader", what="row") == [
        "read cache",
        "write cache: lease",
        "read DB",
        "store if leased",
    ]
    assert planned(STRATEGIES["lease"], "eviction", what="row") == ["delete cache"]
