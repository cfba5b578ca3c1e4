"""What a call measured of the figures that lessons quote is kept for the learner."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labs.agent.calls import CALLS
from labs.errors import NotNow


@pytest.fixture
def bench():
    """A sandbox whose one action notes what it is told to."""
    sandbox = SimpleNamespace(measurements={}, outcomes=[], notes={}, emit=lambda event: None)
    sandbox.outcome = lambda *one: sandbox.outcomes.append(one)

    def run(on):
        on.measurements |= on.notes
        if on.notes.get("fails"):
            raise NotNow("The load runs.")
        return "Measured."

    action = SimpleNamespace(name="measure", label="Measure", fields=(), run=run)
    sandbox.lab = SimpleNamespace(find_action=lambda name: action)
    return sandbox


def press(bench, **notes):
    bench.notes = notes
    CALLS["action"](bench, {"name": "measure"})


def test_a_call_keeps_what_is_new_in_one_outcome(bench):
    press(bench, hit_ms=0.2, miss_ms=1.5)
    press(bench, hit_ms=0.2, miss_ms=1.7)

    assert bench.outcomes == [
        ("figures", "figures", "measured", {"hit_ms": 0.2, "miss_ms": 1.5}),
        ("figures", "figures", "measured", {"miss_ms": 1.7}),
    ]


def test_a_call_that_measures_nothing_keeps_nothing(bench):
    press(bench)

    assert bench.outcomes == []


def test_what_was_measured_before_a_failure_is_kept(bench):
    with pytest.raises(NotNow):
        press(bench, stale=3, fails=1)

    assert bench.outcomes == [("figures", "figures", "measured", {"stale": 3, "fails": 1})]
