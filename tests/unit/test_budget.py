"""What sandboxes use, looked at from outside: by user where each has one, else by descent."""

import os
import subprocess
import sys

import pytest

from labs.host import budget

MB = 1024 * 1024
HUNGRY = "import sys; held = bytearray({size}); print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def hungry():
    """start(megabytes, below_a_shell=False): a process that holds that much memory."""
    started = []

    def start(megabytes, below_a_shell=False):
        python = [sys.executable, "-I", "-S", "-c", HUNGRY.format(size=megabytes * MB)]
        started.append(
            subprocess.Popen(
                ["sh", "-c", '"$@"; true', "sh", *python] if below_a_shell else python,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert started[-1].stdout.readline() == b"up\n"
        return started[-1].pid

    yield start
    for process in started:
        with process:
            process.stdin.close()
            process.wait(10)


def test_a_process_and_all_below_it_count_together(hungry):
    alone, family = hungry(20), hungry(40, below_a_shell=True)

    found = budget.resident({alone: None, family: None})

    assert 20 * MB <= found[alone] < 38 * MB
    assert 40 * MB <= found[family] < 60 * MB


def test_nested_heads_count_for_the_nearest(hungry):
    child = hungry(20)

    found = budget.resident_below([os.getpid(), child])

    assert found[child] >= 20 * MB


def test_by_user_all_processes_of_a_user_count(hungry, needs):
    needs(os.geteuid() == 0, "root, to become somebody else")
    with subprocess.Popen(["sleep", "60"], user=61_990, group=61_990, extra_groups=[]) as process:
        try:
            found = budget.resident({process.pid: 61_990, 1: 61_991})

            assert found[process.pid] > 0
            assert found[1] == 0
        finally:
            process.kill()


def test_what_has_ended_uses_nothing():
    with subprocess.Popen(["true"]) as process:
        process.wait()

        assert budget.resident({process.pid: None}) == {process.pid: 0}
        assert budget.pss(process.pid) == 0
