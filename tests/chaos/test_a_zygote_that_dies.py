"""A zygote that is killed or hangs: who waits hears of it, and a bench opens again."""

import signal
from functools import partial

import psutil
import pytest

from labs.errors import LabsError
from labs.host.spawn import SPAWN_DEADLINE_S
from labs.host.supervisor import LOST
from labs.host.zygotes import FAILURES
from tests.processes import lives, named
from tests.waiting import eventually

AGAIN_S = 5.0
"""Until a bench opens again, from the death of a zygote."""


def has_ended(process):
    return not lives(process)


def is_closed(machine, sandbox):
    return machine.status(sandbox) == "closed"


def feed_ends_with(machine, sandbox, reason):
    last = machine.client.events(sandbox)[-1].event
    return last.type == "sandbox-closed" and last.reason == reason


def zygotes(machine):
    return named(machine.family(), "cg-zygote")


def answers(machine, sandbox):
    answer = machine.client.call(sandbox, "console", server="cache", command="PING")
    return answer["output"] == "PONG"


def opens(machine, owner):
    """True as soon as a new bench of this owner is open, however often it takes."""
    info = machine.client.open("cache-aside", owner=owner)
    return machine.status(info.id) == "open" and answers(machine, info.id)


@pytest.mark.parametrize("pool", ["0", "2"])
def test_after_its_death_a_bench_opens_again_and_the_old_ones_say_why(machine, pool):
    machine.start_host("--pool", pool)
    first, second = machine.open("first"), machine.open("second")
    everything = [one for one in machine.family() if one.name() != "cg-zygote"]

    zygotes(machine)[0].kill()

    eventually(lambda: opens(machine, "third"), within_s=AGAIN_S)
    for sandbox in (first, second):
        eventually(partial(is_closed, machine, sandbox))
        assert machine.client.info(sandbox).reason == LOST
        eventually(partial(feed_ends_with, machine, sandbox, LOST))
    eventually(lambda: not [process for process in everything if lives(process)])
    eventually(lambda: len(machine.directories()) <= 1 + int(pool))
    assert "sandboxes with it" in machine.log()


def test_it_dies_while_benches_are_opened_and_queued(machine):
    machine.start_host("--pool", "0", "--room", "3")
    asked = [machine.client.open("cache-aside", owner=f"owner-{n}").id for n in range(6)]

    zygotes(machine)[0].kill()

    eventually(lambda: all(machine.status(one) in ("open", "closed", "queued") for one in asked))
    for sandbox in asked:
        if machine.status(sandbox) == "closed":
            assert machine.client.info(sandbox).reason
        else:
            machine.client.call(sandbox, "close")
        eventually(partial(is_closed, machine, sandbox))
    eventually(lambda: opens(machine, "owner-0"), within_s=AGAIN_S)


def test_one_that_dies_again_and_again_ends_the_host_which_says_so(machine):
    machine.start_host("--pool", "0")

    for _ in range(FAILURES):
        living = eventually(lambda: zygotes(machine))[0]
        living.kill()
        eventually(partial(has_ended, living))

    eventually(lambda: machine.host.poll() is not None)
    assert machine.host.returncode == 1
    assert f"{FAILURES} zygotes ended within" in machine.log()


def test_one_that_hangs_keeps_its_sandboxes_and_is_replaced(machine):
    machine.start_host("--pool", "0")
    old = machine.open("old")
    hung = zygotes(machine)[0]
    hung.send_signal(signal.SIGSTOP)

    refused = machine.open("refused", within_s=SPAWN_DEADLINE_S + 20)

    assert machine.status(refused) == "closed"
    assert machine.client.info(refused).reason == "The labs could not start your servers."
    eventually(lambda: opens(machine, "refused"))
    assert answers(machine, old)

    machine.client.call(old, "close")

    eventually(lambda: not lives(hung))
    eventually(lambda: len(zygotes(machine)) == 1)


def test_one_that_hangs_and_goes_on_starts_nothing_late(machine):
    machine.start_host("--pool", "0")
    old = machine.open("old")
    hung = zygotes(machine)[0]
    hung.send_signal(signal.SIGSTOP)
    machine.open("refused", within_s=SPAWN_DEADLINE_S + 20)

    hung.send_signal(signal.SIGCONT)

    eventually(lambda: opens(machine, "refused"))
    eventually(lambda: len(named(machine.family(), "cg-monitor")) == 2)
    assert answers(machine, old)


def test_a_hanging_agent_keeps_only_its_own_learner_waiting(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    agent = named(machine.family(), "cg-agent")[0]
    agent.send_signal(signal.SIGSTOP)

    with pytest.raises(LabsError, match="did not answer in time"):
        machine.client.call(sandbox, "set", name="ttl_s", value=5, deadline_s=1.0)
    assert opens(machine, "another") or eventually(lambda: opens(machine, "another"))
    machine.client.call(sandbox, "close")

    eventually(lambda: machine.status(sandbox) == "closed")
    eventually(lambda: not lives(agent))


def test_a_pool_that_died_or_hangs_does_not_keep_a_bench_from_opening(machine):
    machine.start_host("--pool", "2")
    eventually(lambda: len(named(machine.family(), "cg-agent")) == 2)
    dead, hung = named(machine.family(), "cg-agent")
    dead.kill()
    hung.send_signal(signal.SIGSTOP)

    eventually(lambda: opens(machine, "somebody"), within_s=AGAIN_S)


def test_a_labs_host_that_hangs_is_away_until_it_goes_on(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    machine.host.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: not machine.client.hosts())
        with pytest.raises(LabsError, match="No labs host"):
            machine.client.open("cache-aside", owner="another")
    finally:
        machine.host.send_signal(signal.SIGCONT)

    eventually(machine.client.hosts)
    eventually(lambda: machine.client.find("somebody"))
    assert answers(machine, sandbox)
    assert psutil.Process(machine.host.pid).is_running()
