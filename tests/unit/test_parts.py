"""Parts of a sandbox: which hooks are called, in which order, and how a lab finds its part."""

import pytest

from labs.errors import NotNow
from labs.sandbox.part import Part, SteppedPart, Workload
from tests.unit.conftest import lab_with

HOOKS = (
    "before_start",
    "opened",
    "setting_changed",
    "server_changed",
    "interrupt",
    "clear",
    "restarted",
    "reset_ended",
    "close",
)


def recording(name, calls, fails=""):
    """A kind of part that notes each call of a hook; the one named by `fails` raises NotNow."""

    def hook(word):
        def note(self, *args):
            calls.append((name, word, *args))
            if word == fails:
                raise NotNow("Not now.")

        return note

    return type(name, (Part,), {word: hook(word) for word in HOOKS})


@pytest.fixture
def two(open_sandbox):
    """A sandbox with the parts First and Second, and the calls of their hooks."""
    calls = []
    kinds = recording("First", calls), recording("Second", calls)
    return open_sandbox(lab_with(*kinds)), calls, kinds


def test_parts_are_opened_in_the_order_of_the_lab(two):
    _, calls, _ = two
    assert calls == [
        ("First", "before_start"),
        ("Second", "before_start"),
        ("First", "opened"),
        ("Second", "opened"),
    ]


def test_parts_hear_of_settings_and_servers(two):
    sandbox, calls, _ = two
    calls.clear()
    sandbox.set("colour", "blue")
    sandbox.server("cache", "kill")

    assert calls == [
        ("First", "setting_changed", "colour"),
        ("Second", "setting_changed", "colour"),
        ("First", "server_changed", "cache", "kill"),
        ("Second", "server_changed", "cache", "kill"),
    ]


def test_a_reset_interrupts_in_reverse_order_and_then_clears_in_order(two):
    sandbox, calls, _ = two
    calls.clear()
    sandbox.reset()

    assert calls == [
        ("Second", "interrupt"),
        ("First", "interrupt"),
        ("First", "clear"),
        ("Second", "clear"),
        ("First", "restarted"),
        ("Second", "restarted"),
        ("First", "reset_ended"),
        ("Second", "reset_ended"),
    ]


def test_a_reset_that_fails_is_ended_all_the_same(open_sandbox):
    calls = []
    sandbox = open_sandbox(lab_with(recording("Fails", calls, fails="clear")))
    with pytest.raises(NotNow):
        sandbox.reset()
    assert calls[-1] == ("Fails", "reset_ended")


def test_parts_are_closed_in_reverse_order(two):
    sandbox, calls, _ = two
    calls.clear()
    sandbox.close()

    assert calls == [("Second", "close"), ("First", "close")]


def test_a_part_is_found_by_its_kind(two):
    sandbox, _, (first, second) = two
    assert type(sandbox.part(second)) is second
    assert type(sandbox.part(first)) is first


def test_a_part_that_the_lab_has_not_is_the_labs_mistake(two):
    sandbox, _, _ = two
    with pytest.raises(LookupError, match="The lab parts has no part Workload"):
        sandbox.part(Workload)


def test_a_part_is_made_with_those_before_it(open_sandbox):
    class Needs(Part):
        def __init__(self, context):
            super().__init__(context)
            self.first = context.part(First)

    class First(Part):
        """The first part."""

    sandbox = open_sandbox(lab_with(First, Needs))
    assert sandbox.part(Needs).first is sandbox.part(First)


def test_a_lab_without_a_workload_or_steps_says_so(two):
    sandbox, _, _ = two
    assert sandbox.stepped is None
    with pytest.raises(NotNow, match="no load"):
        sandbox.start_load()


def test_every_hook_does_nothing_by_default(open_sandbox):
    for kind in (Part, Workload, SteppedPart):
        sandbox = open_sandbox(lab_with(kind))
        sandbox.set("colour", "blue")
        sandbox.server("cache", "kill")
        sandbox.reset()
        assert sandbox.part(kind).readings(1.0) == {}
