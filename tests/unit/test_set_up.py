"""A bench is set up for an exercise of a lesson: all of it, or nothing."""

from dataclasses import replace

import pytest

from labs.catalogue import catalogue
from labs.errors import BadInput, NotNow
from labs.lab import Action
from labs.sandbox.set_up import set_up
from labs.setups.shop.application import app
from tests.unit.conftest import lab_with


def lab_that_empties(run):
    action = Action("clear-it", "Clear it", "step", run, empties=True)
    return replace(lab_with(), actions=(action,))


@pytest.fixture
def bench(open_sandbox):
    """A sandbox whose lab has an action that empties the cache, and what that has found."""
    found = []

    def run(sandbox):
        found.append((sandbox.servers["cache"].state, sandbox.settings["colour"]))
        return "The cache is empty."

    return open_sandbox(lab_that_empties(run)), found


def test_the_settings_are_set_and_the_cache_is_emptied(bench):
    sandbox, found = bench

    came_to = set_up(sandbox, {"colour": "blue"}, empty=True)

    assert found == [("up", "blue")]
    assert came_to.before == {"colour": "red"}
    assert came_to.done == ("the cache was emptied",)


@pytest.mark.parametrize(("verb", "done"), [("kill", "restarted"), ("pause", "resumed")])
def test_a_cache_that_is_down_or_paused_runs_first(bench, verb, done):
    sandbox, found = bench
    sandbox.server("cache", verb)
    sandbox.link("cache", "cut")

    came_to = set_up(sandbox, {"colour": "blue"}, empty=True)

    assert found == [("up", "blue")]
    assert set(sandbox.link_states.values()) == {"open"}
    assert came_to.done == (
        "the link to cache was restored",
        f"cache was {done}",
        "the cache was emptied",
    )


def test_without_emptying_only_the_settings_change(bench):
    sandbox, found = bench
    sandbox.server("cache", "kill")

    came_to = set_up(sandbox, {"colour": "red"}, empty=False)

    assert (sandbox.servers["cache"].state, found) == ("down", [])
    assert (came_to.before, came_to.done) == ({}, ())


def test_if_the_cache_cannot_be_emptied_the_settings_are_as_they_were(open_sandbox):
    def refuse(_sandbox):
        raise NotNow("Not now.")

    sandbox = open_sandbox(lab_that_empties(refuse))

    with pytest.raises(NotNow):
        set_up(sandbox, {"colour": "blue"}, empty=True)

    assert sandbox.settings["colour"] == "red"


def test_a_setting_that_the_lab_does_not_have_changes_nothing(bench):
    sandbox, found = bench

    with pytest.raises(BadInput):
        set_up(sandbox, {"colour": "blue", "size": "large"}, empty=True)

    assert (sandbox.settings["colour"], found) == ("red", [])


@pytest.mark.parametrize("lab", ["cache-aside", "database-relief", "invalidation", "write-through"])
def test_a_lab_whose_reads_fill_the_cache_says_what_empties_it(open_sandbox, lab):
    sandbox = open_sandbox(catalogue()[lab])
    engine = sandbox.servers["cache"].engine
    if "cache" in sandbox.settings:
        sandbox.set("cache", "on")
    app(sandbox).write(42, 20.0, quiet=True)
    app(sandbox).read(42, quiet=True)
    assert engine.count() == 1

    set_up(sandbox, {}, empty=True)

    assert engine.count() == 0
