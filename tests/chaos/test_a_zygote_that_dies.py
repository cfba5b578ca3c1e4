"""A zygote that is killed or hangs: who waits hears of it, and a bench opens again."""

import signal
from functools import partial

import pytest

from labs.host.spawn import SPAWN_DEADLINE_S
from labs.host.supervisor import LOST
from labs.host.zygotes import FAILURES
from tests.chaos.benches import (
    answers,
    feed_ends_with,
    has_ended,
    is_closed,
    opens,
    zygotes,
)
from tests.processes import lives, named
from tests.waiting import WITHIN_S, eventually


@pytest.mark.parametrize("pool", ["0", "2"])
def test_after_its_death_a_bench_opens_again_and_the_old_ones_say_why(machine, pool):
    machine.start_host("--pool", pool)
    first, second = machine.open("first"), machine.open("second")
    family = machine.family()
    everything = [one for one in family if one not in named(family, "cg-zygote")]

    zygotes(machine)[0].kill()

    eventually(lambda: opens(machine, "third"))
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
    eventually(lambda: opens(machine, "owner-0"))


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

    refused = machine.open("refused", within_s=SPAWN_DEADLINE_S + WITHIN_S)

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
    machine.open("refused", within_s=SPAWN_DEADLINE_S + WITHIN_S)

    hung.send_signal(signal.SIGCONT)

    eventually(lambda: opens(machine, "refused"))
    eventually(lambda: len(named(machine.family(), "cg-monitor")) == 2)
    assert answers(machine, old)
