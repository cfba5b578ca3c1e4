"""The contract of a runtime, kept with the programs of a site: instances and their balancer live
and die as redis and memcached do.
"""

import os

import pytest

from labs.errors import LabsError, NotNow
from tests.processes import lives
from tests.sandboxes import Opened
from tests.waiting import eventually

PROGRAMS = ("balancer", "instance-a", "instance-b")


class Shop(Opened):
    """A sandbox of the lab sessions."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "sessions")

    def state(self, name):
        return self.states(name)[-1]

    def page(self):
        return self.call("action", name="page", fields={"browser": "first"})["message"]

    def programs(self):
        return [
            process
            for process in self.supervisor.processes(self.id)
            if "labs.web" in " ".join(process.cmdline())
        ]


@pytest.fixture
def sandbox(supervisor):
    opened = Shop(supervisor)
    yield opened
    opened.end()


@pytest.fixture
def real(sandbox):
    if sandbox.supervisor.isolation == "fake":
        pytest.skip("a fake has no processes")
    return sandbox


@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_is_down_and_restarted_is_up(sandbox, name):
    sandbox.server("kill", name)
    assert sandbox.state(name) == "down"
    with pytest.raises(NotNow):
        sandbox.server("kill", name)

    sandbox.server("restart", name)
    assert sandbox.state(name) == "up"


def test_where_nothing_runs_nobody_answers_a_browser(sandbox):
    if sandbox.supervisor.isolation != "fake":
        pytest.skip("here something runs")
    with pytest.raises(NotNow):
        sandbox.page()


def test_a_site_answers_until_its_balancer_is_killed_and_again_when_it_is_restarted(real):
    assert "answered" in real.page()
    real.server("kill", "balancer")
    assert real.page().startswith("503")

    real.server("restart", "balancer")

    assert "answered" in real.page()


def test_a_paused_balancer_answers_no_page_until_it_is_resumed(real):
    real.server("pause", "balancer")

    assert real.page().startswith("503")

    real.server("resume", "balancer")
    eventually(lambda: "answered" in real.page())


def test_programs_of_a_site_do_not_run_as_root(real):
    programs = real.programs()

    assert len(programs) == 3
    assert os.getuid() or 0 not in {process.uids().real for process in programs}


def test_a_site_that_dies_by_itself_is_noticed(real):
    victim = next(
        process for process in real.programs() if "instance-a" in " ".join(process.cmdline())
    )
    victim.kill()

    eventually(lambda: real.state("instance-a") == "down")


def test_when_its_agent_is_killed_nothing_of_a_site_is_left(real):
    everything = real.supervisor.processes(real.id)
    next(process for process in everything if process.name().startswith("cg-agent")).kill()

    eventually(lambda: real.gone)
    eventually(lambda: not [process for process in everything if lives(process)])


def test_sessions_that_are_asked_for_where_nothing_runs_are_none(sandbox):
    if sandbox.supervisor.isolation != "fake":
        pytest.skip("here something runs")
    with pytest.raises(LabsError):
        sandbox.call("action", name="log-in", fields={})
