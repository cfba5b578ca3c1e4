"""Fifty sandboxes, ended in every way: after five seconds no process, no socket, no port; after the
next start no directory.
"""

import random
import signal
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.chaos.benches import agents
from tests.processes import lives, named, of_the_living
from tests.waiting import WITHIN_S, eventually

FIFTY = 50
LEAVE_S = 5.0


@pytest.fixture
def fifty(machine):
    machine.start_host("--room", "60", "--pool", "2")
    with ThreadPoolExecutor(8) as together:
        machine.sandboxes = list(together.map(lambda n: machine.open(f"owner-{n}"), range(FIFTY)))
    assert {machine.status(sandbox) for sandbox in machine.sandboxes} == {"open"}
    return machine


def listening(processes):
    pids = {process.pid for process in processes}
    return [
        c
        for c in psutil.net_connections("inet")
        if c.status == psutil.CONN_LISTEN and c.pid in pids
    ]


def test_fifty_sandboxes_ended_in_every_way_leave_nothing(fifty):
    everything = fifty.family()
    agents, monitors, servers = (
        named(everything, name) for name in ("cg-agent", "cg-monitor", "redis-server")
    )
    assert len(agents) >= FIFTY

    victims = (*agents[:10], *monitors[10:20], *servers[20:30])
    of_the_living(victims, psutil.Process.kill)
    for sandbox in random.Random(1).sample(fifty.sandboxes, 5):
        fifty.client.call(sandbox, "close") if fifty.status(sandbox) == "open" else None
    fifty.host.send_signal(signal.SIGKILL)
    fifty.host.wait(timeout=WITHIN_S)

    eventually(lambda: not [process for process in everything if lives(process)], LEAVE_S)
    assert not listening(everything)
    fifty.start_host()
    eventually(lambda: len(fifty.directories()) <= 2)
    eventually(
        lambda: (
            {fifty.redis.hget(f"labs:sandbox:{sandbox}", "status") for sandbox in fifty.sandboxes}
            <= {None, "closed"}
        )
    )


def test_a_stopped_host_ends_its_sandboxes_and_says_so(machine):
    machine.start_host("--pool", "0")
    sandboxes = [machine.open(f"owner-{n}") for n in range(3)]
    everything = machine.family()

    assert machine.stop_host() == 0

    assert not [process for process in everything if lives(process)]
    assert machine.directories() == []
    assert {machine.client.info(sandbox).reason for sandbox in sandboxes} == {
        "The labs were stopped."
    }


def test_a_dead_agent_closes_its_sandbox_alone(machine):
    machine.start_host("--pool", "0")
    first, second = machine.open("first"), machine.open("second")

    agents(machine)[0].kill()

    eventually(
        lambda: sorted([machine.status(first), machine.status(second)]) == ["closed", "open"]
    )
    survivor = first if machine.status(first) == "open" else second
    assert (
        machine.client.call(survivor, "console", server="cache", command="PING")["output"] == "PONG"
    )


def test_no_port_of_a_caged_sandbox_is_open_on_the_machine(machine):
    machine.start_host("--pool", "0")
    machine.open("somebody")
    if machine.client.hosts()[0].isolation != "cage":
        pytest.skip("no cage on this machine")

    assert named(machine.family(), "redis-server")
    assert not listening(machine.family())
