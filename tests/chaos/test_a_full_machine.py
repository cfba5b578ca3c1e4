"""A machine that is full says so, queues with a position, and lets the next one in; a hungry or
idle sandbox is ended.
"""

import pytest

from labs.errors import BadInput, SandboxTaken, UnknownLab, UnknownSandbox
from tests.waiting import eventually


def test_who_comes_too_late_waits_with_a_position_and_gets_in(machine):
    machine.start_host("--room", "1", "--pool", "0")
    first = machine.open("first")
    second, third = (machine.client.open("cache-aside", owner=name) for name in ("second", "third"))
    assert (second.status, second.position) == ("queued", 1)
    assert (third.status, third.position) == ("queued", 2)

    machine.client.call(first, "close")

    eventually(lambda: machine.status(second.id) == "open")
    eventually(lambda: machine.client.info(third.id).position == 1)


def test_who_leaves_the_queue_makes_room_in_it(machine):
    machine.start_host("--room", "1", "--pool", "0")
    machine.open("first")
    second, third = (machine.client.open("cache-aside", owner=name) for name in ("second", "third"))

    machine.client.call(second.id, "close")

    eventually(lambda: machine.client.info(third.id).position == 1)


def test_one_learner_has_one_sandbox(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")

    assert machine.client.open("cache-aside", owner="somebody").id == sandbox
    with pytest.raises(SandboxTaken):
        machine.client.open("database-relief", owner="somebody")


def test_a_sandbox_that_does_not_exist_is_not_found(machine):
    machine.start_host("--pool", "0")

    with pytest.raises(UnknownSandbox):
        machine.client.call("0" * 32, "state")


def test_bad_requests_are_answered_in_words(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")

    with pytest.raises(UnknownLab):
        machine.client.open("no-such-lab", owner="x")
    with pytest.raises(BadInput):
        machine.client.open("cache-aside", owner="x", settings={"ttl_s": 0})
    for call, arguments in (
        ("explode", {}),
        ("play", {}),
        ("prepare", {}),
        ("set", {"name": "ttl_s", "value": "never"}),
        ("server", {"name": "moon", "verb": "kill"}),
        ("action", {"name": "read", "fields": {"item": "none"}}),
        ("step", {"verb": "jump"}),
        ("console", {"server": "cache", "command": "GET 'a"}),
    ):
        with pytest.raises(BadInput):
            machine.client.call(sandbox, call, **arguments)
