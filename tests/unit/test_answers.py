"""Which server answered the clients of a flight recorder: by the servers' own counters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labs.errors import ServerNotUp
from labs.setups.replication.answers import Answers
from labs.setups.replication.endpoints import READER_ENDPOINT


class Counting:
    """A Redis that has executed so many commands of each name."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def run(self, *_words: str) -> bytes:
        lines = [f"cmdstat_{name}:calls={n},usec=7" for name, n in self.calls.items()]
        return "\r\n".join(["# Commandstats", *lines]).encode()


class Group:
    """Members with roles, and servers that count."""

    def __init__(self, **roles: str) -> None:
        self.caches = list(roles)
        self.servers = {name: Counting() for name in roles}
        self.statuses = {name: SimpleNamespace(role=role) for name, role in roles.items()}

    def redis(self, name: str) -> Counting:
        if name not in self.servers:
            raise ServerNotUp(f"{name} is not up.")
        return self.servers[name]

    def count(self, name: str, **calls: int) -> None:
        held = self.servers[name].calls
        held.update({command: held.get(command, 0) + n for command, n in calls.items()})


def counting(group: Any) -> Answers:
    answers = Answers(group)
    assert flows(answers) == {}  # what was counted before is not of this second
    return answers


def flows(answers: Answers, *, own: str = "", stale: float = 0.0) -> dict[str, float]:
    return answers.flows(0.5, own_reads_at=own, stale_per_s=stale)


def test_a_replica_that_answered_nothing_has_no_flow():
    group = Group(c1="primary", c2="replica", c3="replica")
    answers = counting(group)
    group.count("c2", llen=50)

    assert flows(answers) == {"reader-endpoint to c2 hit": 100.0}
    assert flows(answers) == {}


def test_writes_are_those_of_a_primary_and_not_those_that_a_replica_repeats():
    group = Group(c1="primary", c2="replica")
    answers = counting(group)
    group.count("c1", rpush=20)
    group.count("c2", rpush=20)

    assert flows(answers) == {"primary-endpoint to c1 write": 40.0}


def test_stale_reads_are_said_of_a_link_only_if_it_was_the_only_one():
    group = Group(c1="primary", c2="replica", c3="replica")
    answers = counting(group)
    group.count("c2", llen=10, lindex=10)

    assert flows(answers, own=READER_ENDPOINT, stale=15.0) == {
        "reader-endpoint to c2 hit": 25.0,
        "reader-endpoint to c2 stale": 15.0,
    }

    group.count("c2", lindex=10)
    group.count("c3", lindex=10)

    assert flows(answers, own=READER_ENDPOINT, stale=15.0) == {
        "reader-endpoint to c2 hit": 20.0,
        "reader-endpoint to c3 hit": 20.0,
    }


def test_a_server_that_was_started_again_counts_from_zero():
    group = Group(c1="primary")
    answers = counting(group)
    group.count("c1", rpush=100)
    flows(answers)
    group.servers["c1"].calls = {"rpush": 5}

    assert flows(answers) == {"primary-endpoint to c1 write": 10.0}


def test_a_server_that_is_down_is_left_out():
    group = Group(c1="primary", c2="replica")
    answers = counting(group)
    group.count("c1", rpush=5)
    del group.servers["c2"]

    assert flows(answers) == {"primary-endpoint to c1 write": 10.0}
