"""What a learner has proved is recorded once, whatever happens to Redis between the measurement and
its record.
"""

import time

from tests.waiting import WITHIN_S, eventually


def proven(machine, sandbox):
    for _ in range(2):
        machine.client.call(sandbox, "action", name="read", fields={"item": 42})
    eventually(
        lambda: (
            sum(
                c["status"] == "met"
                for c in machine.client.call(sandbox, "state")["checks"].values()
            )
            == 2
        )
    )


def heard(machine, wanted):
    """Outcome ids by name, read from the stream's beginning until all that are wanted have come."""
    found = {}
    end = time.monotonic() + WITHIN_S
    while not wanted <= set(found) and time.monotonic() < end:
        for _, outcome in machine.client.outcomes(block_ms=200):
            found[outcome["name"]] = outcome
    return found


def test_an_emptied_redis_loses_no_outcome(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    proven(machine, sandbox)
    wanted = {"first-read-misses", "second-read-hits"}
    first = heard(machine, wanted)

    machine.redis.flushall()
    second = heard(machine, wanted)

    assert {name: outcome["id"] for name, outcome in first.items()} == {
        name: outcome["id"] for name, outcome in second.items()
    }
    assert {outcome["owner"] for outcome in second.values()} == {"somebody"}


def test_an_outcome_survives_the_death_of_its_host(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    proven(machine, sandbox)
    machine.host.kill()
    machine.host.wait(timeout=WITHIN_S)
    machine.redis.flushall()

    machine.start_host("--pool", "0")

    assert set(heard(machine, {"first-read-misses", "second-read-hits"})) == {
        "first-read-misses",
        "second-read-hits",
    }


def test_what_is_acknowledged_is_not_sent_again(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    proven(machine, sandbox)
    outcomes = heard(machine, {"first-read-misses", "second-read-hits"})

    for outcome in outcomes.values():
        machine.client.acknowledge(outcome["host"], [outcome["id"]])
    eventually(lambda: not machine.redis.exists(f"labs:acks:{machine.client.hosts()[0].id}"))
    machine.redis.delete("labs:outcomes")
    time.sleep(3.0)  # longer than the host waits before it sends again

    assert not list(machine.client.outcomes(block_ms=100))


def test_a_sandbox_outlives_an_emptied_redis(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")

    machine.redis.flushall()

    eventually(lambda: machine.client.find("somebody"))
    assert (
        machine.client.call(sandbox, "console", server="cache", command="PING")["output"] == "PONG"
    )


def test_a_redis_that_went_away_and_came_back_is_used_again(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    machine.redis_server.send_signal(19)
    time.sleep(1.5)  # the fault itself: Redis is frozen for so long

    machine.redis_server.send_signal(18)

    eventually(lambda: machine.client.find("somebody"))
    assert (
        machine.client.call(sandbox, "console", server="cache", command="PING")["output"] == "PONG"
    )
