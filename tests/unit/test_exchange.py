"""A control that replaces a server: the sentences about the server say which control it was."""

from dataclasses import replace

import pytest

from labs.lab import Choice, Topology
from tests.unit.conftest import lab_with

ENGINE = Choice("engine", "Engine", (("redis", "Redis"), ("memcached", "Memcached")), "redis")


@pytest.mark.parametrize(
    ("name", "value", "engine", "why"),
    [
        ("colour", "blue", "redis", "Colour was changed"),
        ("engine", "memcached", "memcached", "another engine was chosen"),
    ],
)
def test_a_server_that_is_replaced_says_why(open_sandbox, name, value, engine, why):
    lab, events = lab_with(), []
    app, cache = lab.topology.nodes
    cache = replace(cache, engine_setting="engine", exchanged_by=("colour",))
    lab = replace(
        lab,
        topology=Topology((app, cache), lab.topology.links),
        controls=(*lab.controls, ENGINE),
    )
    sandbox = open_sandbox(lab, events)
    events.clear()

    sandbox.set(name, value)

    told = [event.sentence for event in events if event.type == "server-changed"]
    assert [sentence for sentence in told if sentence] == [
        f"cache has stopped: {why}",
        f"cache answers: {why}",
    ]
    assert sandbox.servers["cache"].engine.kind == engine
