"""The contract that every runtime keeps.

Run as root and as an ordinary user: `cage` and `process` with real servers, `fake` with states.
"""

import os
import threading

import psutil
import pytest

from labs.errors import LabsError, NotNow, ServerDown, UnknownSandbox
from labs.headless import own_supervisor
from tests.processes import lives, of_the_living, shared_memory
from tests.sandboxes import Opened
from tests.waiting import eventually

REAL = ("cage", "process")


@pytest.fixture
def sandbox(supervisor):
    opened = CacheAside(supervisor)
    yield opened
    opened.end()


@pytest.fixture
def real(sandbox):
    if sandbox.supervisor.isolation not in REAL:
        pytest.skip("a fake has no processes")
    return sandbox


class CacheAside(Opened):
    """A sandbox of the lab cache-aside."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "cache-aside")

    def server(self, verb, name="cache"):
        return super().server(verb, name)

    def states(self, name="cache"):
        return super().states(name)

    def ask(self, name="cache"):
        return self.call("console", server=name, command="PING" if name == "cache" else "select 1")

    def processes(self, name):
        return [
            process
            for process in self.supervisor.processes(self.id)
            if process.name().startswith(name)
        ]


def test_both_servers_are_up_when_it_is_open(sandbox):
    assert sandbox.states("cache")[-1] == "up"
    assert sandbox.states("database")[-1] == "up"


def test_killed_is_down_and_restarted_is_up(sandbox):
    sandbox.server("kill")
    assert sandbox.states()[-1] == "down"

    sandbox.server("restart")
    assert sandbox.states()[-1] == "up"


def test_what_is_not_running_cannot_be_killed_or_paused(sandbox):
    sandbox.server("kill")

    for verb in ("kill", "pause", "resume"):
        with pytest.raises(NotNow):
            sandbox.server(verb)


def test_paused_is_resumed_once(sandbox):
    sandbox.server("pause")
    with pytest.raises(NotNow):
        sandbox.server("pause")
    assert sandbox.states()[-1] == "paused"

    sandbox.server("resume")
    assert sandbox.states()[-1] == "up"


def test_a_paused_server_can_be_killed(sandbox):
    sandbox.server("pause")

    sandbox.server("kill")

    assert sandbox.states()[-1] == "down"


def test_each_server_keeps_a_log(sandbox):
    for name in ("cache", "database"):
        assert sandbox.call("log", server=name)["lines"]


def test_an_ended_sandbox_leaves_no_shared_memory(real):
    """The kernel keeps a segment that no process is attached to."""
    before = shared_memory()
    makers = {process.pid for process in real.processes("postgres")}
    assert makers

    real.end()

    left = [segment for segment, maker in shared_memory().items() if maker in makers]
    there = [segment for segment, maker in before.items() if maker in makers]
    assert bool(there) == (real.supervisor.isolation == "process")  # a cage has memory of its own
    assert left == []


def test_what_a_sandbox_behind_a_wall_has_written_is_not_read_at_its_end(sandbox):
    """A named pipe in the place of a file would hold up its reader for ever."""
    if sandbox.supervisor.isolation == "process" and os.getuid() != 0:
        pytest.skip("there is no wall between two processes of one user")
    data = sandbox.supervisor.process(sandbox.id).directory / "database/data"
    data.mkdir(parents=True, exist_ok=True)
    named = data / "postmaster.pid"
    named.unlink(missing_ok=True)
    os.mkfifo(named)

    threading.Thread(target=sandbox.end, daemon=True).start()

    eventually(lambda: sandbox.gone)
    assert not named.exists()


def test_ended_it_is_gone_and_says_why(sandbox):
    sandbox.supervisor.end(sandbox.id, "because", gently=True)

    assert sandbox.gone == ["because"]
    with pytest.raises(UnknownSandbox):
        sandbox.ask()


def test_reset_brings_everything_back(sandbox):
    sandbox.call("set", name="ttl_s", value=5)
    sandbox.server("kill")

    sandbox.call("reset")

    assert sandbox.states()[-1] == "up"
    changed = [event for event in sandbox.told if event.type == "setting-changed"]
    assert changed[-1].value == 60


@pytest.mark.parametrize("name", ["cache", "database"])
def test_a_real_server_answers_again_at_the_same_address_after_a_kill(real, name):
    assert not real.ask(name)["failed"]
    real.server("kill", name)
    with pytest.raises(ServerDown):
        real.ask(name)

    real.server("restart", name)

    assert not real.ask(name)["failed"]


def test_a_database_that_is_killed_with_its_processes_leaves_the_sandbox_open(real):
    """Without a cage its children are orphans that the monitor has to reap."""
    of_the_living(real.processes("postgres"), psutil.Process.kill)

    eventually(lambda: real.states("database")[-1] == "down")
    real.server("restart", "database")

    assert not real.ask("database")["failed"]
    assert not real.gone


@pytest.mark.parametrize("name", ["cache", "database"])
def test_a_paused_server_answers_nothing_until_it_is_resumed(real, name):
    real.ask(name)
    real.server("pause", name)

    with pytest.raises(LabsError):
        real.ask(name)

    real.server("resume", name)
    eventually(lambda: not _failed(real, name))


def _failed(sandbox, name):
    try:
        return sandbox.ask(name)["failed"]
    except LabsError:
        return True


def test_no_server_runs_as_root(real):
    servers = [*real.processes("redis-server"), *real.processes("postgres")]

    assert len(servers) >= 2
    assert (
        {process.uids().real for process in servers} != {0}
        if os.getuid()
        else 0 not in {process.uids().real for process in servers}
    )


def test_sandboxes_do_not_share_a_user_when_root(real):
    if os.getuid() != 0:
        pytest.skip("an ordinary user has one user id")
    other = CacheAside(real.supervisor)
    try:
        assert {p.uids().real for p in real.processes("cg-agent")}.isdisjoint(
            {p.uids().real for p in other.processes("cg-agent")}
        )
    finally:
        real.supervisor.end(other.id, "the test is over")


@pytest.mark.parametrize("victim", ["cg-agent", "cg-monitor"])
def test_when_its_agent_or_monitor_is_killed_nothing_of_it_is_left(real, victim):
    everything = real.supervisor.processes(real.id)

    real.processes(victim)[0].kill()

    eventually(lambda: real.gone)
    eventually(lambda: not [process for process in everything if lives(process)])


@pytest.mark.parametrize("victim", ["cg-agent", "cg-monitor"])
def test_the_next_one_opens_at_once_after_one_was_killed(real, victim):
    for _ in range(3):
        opened = CacheAside(real.supervisor)
        opened.processes(victim)[0].kill()

        following = CacheAside(real.supervisor)

        assert following.states()[-1] == "up"
        assert not following.gone
        following.end()


def test_two_labs_hosts_of_a_machine_give_out_different_users_and_addresses(real):
    # They share the kernel's count of a user's processes, and the loopback.
    with own_supervisor(real.supervisor.isolation) as other:
        theirs = CacheAside(other)
        ours = real.supervisor.process(real.id)

        assert other.process(theirs.id).slot != ours.slot
        if os.geteuid() == 0:
            users = [
                {process.uids().real for process in sandbox.processes("cg-agent")}
                for sandbox in (real, theirs)
            ]
            assert users[0].isdisjoint(users[1])


def test_a_server_that_dies_by_itself_is_noticed(real):
    real.processes("redis-server")[0].kill()

    eventually(lambda: real.states()[-1] == "down")


def test_a_cage_has_its_usual_ports_to_itself(supervisor):
    if supervisor.isolation != "cage":
        pytest.skip("only a cage has a loopback of its own")
    first, second = CacheAside(supervisor), CacheAside(supervisor)
    try:
        assert not first.ask()["failed"]
        assert not second.ask()["failed"]
        listening = {
            connection.laddr.port
            for connection in psutil.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert not {6379, 5432} & {port for port in listening if _owned_by_sandbox(port)}
    finally:
        for opened in (first, second):
            opened.end()


def _owned_by_sandbox(port):
    owners = {
        connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }
    owned = of_the_living(
        (process for process in psutil.process_iter() if process.pid in owners),
        lambda process: (process.name(), process.uids().real),
    )
    return any(
        name in ("redis-server", "postgres") and user >= 61_000 for name, user in owned.values()
    )


def test_the_power_can_be_cut_or_it_is_said_why_not(supervisor):
    sandbox = Opened(supervisor, "durability")
    try:
        if supervisor.isolation not in REAL:
            with pytest.raises(NotNow, match="Nothing real runs"):
                sandbox.call("action", name="cut-power", fields={})
            return
        sandbox.call("set", name="mode", value="no")
        sandbox.call("action", name="write-thousand", fields={})

        assert (
            "bytes had not been synced"
            in sandbox.call("action", name="cut-power", fields={})["message"]
        )
        assert "0 of 1," in sandbox.call("action", name="come-back", fields={})["message"]
        assert sandbox.states("redis")[-1] == "up"
    finally:
        sandbox.end()
