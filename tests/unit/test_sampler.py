"""Readings that come because something was done, and not because their turn has come."""

import pytest

from labs.events import ReadingTaken
from labs.sandbox import sampler
from tests.waiting import eventually

from .conftest import lab_with


@pytest.fixture
def sandbox(open_sandbox, monkeypatch):
    """An idle sandbox whose next reading would be due in an hour."""
    monkeypatch.setattr(sampler, "IDLE_S", 3_600.0)
    sandbox = open_sandbox(lab_with(), events := [])
    sandbox.told = events
    held = sandbox.servers["cache"].engine.state.stored
    sandbox.holds = lambda *keys: (held.clear(), held.update(dict.fromkeys(keys, (b"1", 1e12))))
    return sandbox


def keys(sandbox):
    return [event.keys for event in sandbox.told if isinstance(event, ReadingTaken)]


def test_what_a_request_left_in_the_cache_is_counted_when_it_has_ended(sandbox):
    sandbox.holds("product:42")
    sandbox.say("Request 1 has ended.")
    eventually(lambda: keys(sandbox)[-1:] == [{"cache": 1}])

    sandbox.holds()
    sandbox.say("Request 2 has ended.")
    eventually(lambda: keys(sandbox)[-1:] == [{"cache": 0}])


def test_what_a_console_command_left_in_the_cache_is_counted_at_once(sandbox):
    sandbox.holds("product:42", "product:43")

    sandbox.console("cache", "DBSIZE")

    eventually(lambda: keys(sandbox)[-1:] == [{"cache": 2}])


def test_much_that_is_done_makes_no_reading_of_a_short_interval(sandbox):
    for number in range(2_000):
        sandbox.holds(*range(number % 7))
        sandbox.say(f"Request {number} has ended.")
    eventually(lambda: keys(sandbox))

    assert all(one.seconds >= sampler.BUSY_S for one in sandbox.sampler.history)
