"""Which steps of a guide the page gives its reasons for: those that ended last."""

import pytest

from labs.catalogue import find
from portal.web.guide import guide_of, most_reasons


def given(lab, done):
    """The numbers of the steps, from 1, whose reasons are shown when the first `done` are."""
    steps = guide_of(find(lab), {"current": done, "done": list(range(done))}, ())
    return [step.number for step in steps if step.just_done]


@pytest.mark.parametrize(
    ("lab", "done", "shown"),
    [
        ("cache-aside", 0, []),
        ("cache-aside", 1, [1]),
        ("cache-aside", 2, [2]),
        ("cache-aside", len(find("cache-aside").guide), [len(find("cache-aside").guide)]),
        ("failover", 2, [2]),
        ("failover", 4, [2, 3, 4]),
        ("failover", 5, [5]),
        ("database-relief", 2, [1, 2]),
        ("database-relief", 5, [3, 4, 5]),
    ],
)
def test_a_step_with_nothing_to_press_leaves_the_reason_before_it_in_sight(lab, done, shown):
    assert given(lab, done) == shown


def test_at_most_three_reasons_are_shown():
    for lab in ("failover", "database-relief", "sessions", "durability"):
        for done in range(len(find(lab).guide) + 1):
            assert len(given(lab, done)) <= 3


@pytest.mark.parametrize(
    ("lab", "most"),
    [("cache-aside", 1), ("durability", 2), ("failover", 3), ("database-relief", 3)],
)
def test_the_strip_keeps_room_for_the_reasons_of_steps_that_end_together(lab, most):
    assert most_reasons(guide_of(find(lab), {}, ())) == most
