"""What an experiment does before it measures: it brings the bench into the state that it needs."""

import pytest

from labs.errors import BadInput
from labs.sandbox.experiment import make_ready, temporarily
from tests.unit.conftest import lab_with


@pytest.fixture
def bench(open_sandbox):
    """A sandbox over doubles, and the sentences of its timeline."""
    events = []
    sandbox = open_sandbox(lab_with(), events)
    return sandbox, lambda: [event.text for event in events if event.type == "note-added"]


def test_a_bench_that_is_ready_is_left_alone(bench):
    sandbox, said = bench

    make_ready(sandbox)

    assert not said()


def test_links_are_restored_and_servers_brought_up_and_it_is_said(bench):
    sandbox, said = bench
    sandbox.server("cache", "kill")
    sandbox.link("cache", "cut")

    make_ready(sandbox)

    assert sandbox.servers["cache"].state == "up"
    assert set(sandbox.link_states.values()) == {"open"}
    assert said() == ["For this measurement the link to cache was restored and cache was restarted"]


def test_a_paused_server_goes_on(bench):
    sandbox, said = bench
    sandbox.server("cache", "pause")

    make_ready(sandbox, also=["shop-restored was deleted"])

    assert sandbox.servers["cache"].state == "up"
    assert said() == ["For this measurement shop-restored was deleted and cache was resumed"]


def test_a_server_that_an_experiment_does_not_need_stays_as_it_is(bench):
    sandbox, said = bench
    sandbox.server("cache", "kill")

    make_ready(sandbox, up=())

    assert sandbox.servers["cache"].state == "down"
    assert not said()


def test_settings_are_put_back_also_if_one_of_them_is_refused(bench):
    sandbox, _ = bench

    with pytest.raises(BadInput), temporarily(sandbox, colour="green"):
        pass
    with temporarily(sandbox, colour="blue"):
        assert sandbox.settings["colour"] == "blue"

    assert sandbox.settings["colour"] == "red"
