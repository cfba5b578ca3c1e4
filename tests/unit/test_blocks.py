"""A hint first names what blocks it: a server that is down, a cut link, a load that runs."""

from types import SimpleNamespace

import pytest

from labs.lab import Link, Node, Topology
from labs.sandbox.blocks import hint_for

HINT = "In the tab Step press “Read it”."
TOPOLOGY = Topology(
    nodes=(Node("app", "Shop app", "app"), Node("cache", "Cache", "redis")),
    links=(Link("cache", "app", "cache"),),
)


def sandbox(*, server="up", link="open", loading=False):
    return SimpleNamespace(
        topology=TOPOLOGY,
        servers={"cache": SimpleNamespace(state=server)},
        link_states={"cache": link},
        load=SimpleNamespace(running=loading),
    )


def test_nothing_blocks_a_bench_as_it_opens():
    assert hint_for(sandbox(), HINT, idle=True) == HINT


@pytest.mark.parametrize(
    ("blocked", "says"),
    [
        (
            {"server": "down"},
            "Cache is down. Press “Restart” next to it in the tab Break first.",
        ),
        (
            {"server": "paused"},
            "Cache is paused. Press “Resume” next to it in the tab Break first.",
        ),
        (
            {"link": "cut"},
            "The link Shop app – Cache is cut. Press “Restore” next to it in the tab Break first.",
        ),
    ],
)
def test_what_blocks_comes_first_with_its_button(blocked, says):
    assert hint_for(sandbox(**blocked), HINT) == says


def test_a_load_blocks_only_what_needs_idle_servers():
    assert hint_for(sandbox(loading=True), HINT) == HINT
    assert "“Stop the load”" in hint_for(sandbox(loading=True), HINT, idle=True)


def test_a_server_that_has_not_been_started_blocks_nothing():
    assert hint_for(sandbox(server="stopped"), HINT) == HINT
