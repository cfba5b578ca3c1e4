"""What an agent does that is forked while its cage is still being built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORKED = """
import os, signal, sys
from labs.host import zygote
from labs.host.spawn import SpawnRequest

may_enter, ready = os.pipe()
request = SpawnRequest("one", 1, None, sys.argv[1], "/nowhere", "/nowhere")
child = os.fork()
if child == 0:
    os.close(ready)
    zygote.agent.run = lambda *_: print("the agent runs", flush=True)
    zygote._be_agent(request, may_enter, os.getppid(), None)
os.close(may_enter)
os.write(ready, sys.argv[2].encode())
os.close(ready)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def forked(isolation, written):
    """What an agent says and ends with whose monitor writes this to the pipe, and lives on."""
    run = subprocess.run(
        [sys.executable, "-c", FORKED, isolation, written],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout.split("\n")[:-1], run.stderr


@pytest.mark.parametrize("isolation", ["cage", "process"])
def test_it_ends_quietly_if_the_cage_could_not_be_built(isolation):
    assert forked(isolation, "") == (["1"], "")


def test_without_a_cage_it_begins_where_it_is():
    """Its monitor writes 0: there is none to go into."""
    assert forked("process", "0") == (["the agent runs", "1"], "")
