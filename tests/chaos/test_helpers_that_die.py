"""Helpers of a sandbox, its agent and its labs host that die or hang: the learner hears why, or
only waits for a while.
"""

import signal

import psutil
import pytest

from labs.agent.agent import LINKS_ENDED
from labs.errors import HostAway, LabsError
from tests.chaos.benches import agents, answers, is_closed, opens
from tests.processes import lives, named, of_the_living
from tests.waiting import eventually


def test_a_hanging_agent_keeps_only_its_own_learner_waiting(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    (agent,) = agents(machine)
    agent.send_signal(signal.SIGSTOP)

    with pytest.raises(LabsError, match="did not answer in time"):
        machine.client.call(sandbox, "set", name="ttl_s", value=5, deadline_s=1.0)
    assert opens(machine, "another") or eventually(lambda: opens(machine, "another"))
    machine.client.call(sandbox, "close")

    eventually(lambda: machine.status(sandbox) == "closed")
    eventually(lambda: not lives(agent))


def test_a_pool_that_died_or_hangs_does_not_keep_a_bench_from_opening(machine):
    machine.start_host("--pool", "2")
    dead, hung = eventually(lambda: two if len(two := agents(machine)) == 2 else [])
    dead.kill()
    hung.send_signal(signal.SIGSTOP)

    assert machine.status(machine.open("somebody")) == "open"


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


def test_a_host_that_hangs_during_a_call_is_given_up_before_the_deadline(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    machine.host.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(HostAway, match="The labs do not answer"):
            machine.client.call(sandbox, "keep", deadline_s=60.0)
    finally:
        machine.host.send_signal(signal.SIGCONT)


def test_links_that_end_close_their_sandbox_which_says_so(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    everything = named(machine.family(), "cg-agent")

    named(machine.family(), "cg-links")[0].kill()

    eventually(lambda: is_closed(machine, sandbox))
    assert machine.client.info(sandbox).reason == LINKS_ENDED
    eventually(lambda: not [process for process in everything if lives(process)])
    eventually(lambda: opens(machine, "somebody"))


def test_a_load_whose_clients_end_is_shown_as_stopped_and_starts_again(machine):
    machine.start_host("--pool", "0")
    sandbox = machine.open("somebody")
    machine.client.call(sandbox, "load", verb="start")
    eventually(lambda: machine.client.call(sandbox, "state")["load"]["running"])

    def is_stopped() -> bool:
        # Again each time: a client that has just been forked does not have its name yet.
        of_the_living(named(machine.family(), "cg-load"), psutil.Process.kill)
        return not machine.client.call(sandbox, "state")["load"]["running"]

    eventually(is_stopped)
    machine.client.call(sandbox, "load", verb="start")
    eventually(lambda: named(machine.family(), "cg-load"))
