"""A system that allows few open files or few threads: who comes too late waits or is refused, and
no worker dies.
"""

import contextlib
import os
import resource
import subprocess
import sys

import psutil
import pytest

from labs.host.supervisor import shop_template_directory
from portal.serve.limits import LEAST_OPEN_FILES, LEAST_PROCESSES, connections_with
from tests.chaos.benches import zygotes
from tests.chaos.conftest import ROOT, a_machine
from tests.chaos.web import ANN, BOB, Client, Stream, serving
from tests.waiting import WITHIN_S, eventually

ALONE = {"user": 61_999, "group": 61_999, "extra_groups": []}
"""A user who has no other process."""
HALF = "GET / HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def redis():
    """A portal Redis, for all servers of these tests."""
    with a_machine() as machine:
        yield machine


def limited(kind, soft, hard=None):
    """What sets a limit for a program that is started."""
    return lambda: resource.setrlimit(kind, (soft, soft if hard is None else hard))


@contextlib.contextmanager
def clients(web, count, sent):
    """Connections that have sent the same and are kept."""
    opened = [Client(web, sent) for _ in range(count)]
    try:
        yield opened
    finally:
        for client in opened:
            client.socket.close()


def status(web):
    """The status line's number of one more request."""
    with contextlib.closing(Client(web, WHOLE).socket) as asked:
        return asked.recv(100).split()[1].decode()


def test_a_soft_limit_is_raised(redis):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = limited(resource.RLIMIT_NOFILE, 256, hard)
    with (
        serving(redis, worker="Patient", preexec_fn=soft) as web,
        clients(web, 600, HALF),
    ):
        worker = web.worker

        eventually(lambda: web.connections(psutil.CONN_ESTABLISHED) == 600)

        assert status(web) == "200"
        assert web.worker == worker


def test_with_a_hard_limit_no_worker_dies_of_many_connections(redis):
    least = limited(resource.RLIMIT_NOFILE, LEAST_OPEN_FILES)
    with (
        serving(redis, worker="Patient", preexec_fn=least) as web,
        clients(web, 1_100, HALF),
    ):
        worker = web.worker

        assert status(web) == "200"
        assert web.worker == worker
        assert 0 < web.connections(psutil.CONN_ESTABLISHED) <= connections_with(LEAST_OPEN_FILES)


def test_a_worker_that_can_open_no_file_refuses_until_it_can(redis):
    with serving(redis, worker="Patient") as web:
        worker = web.worker
        before = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        assert status(web) == "200"

        eventually(lambda: not worker.net_connections("tcp")[1:])
        taken = {int(name) for name in os.listdir(f"/proc/{worker.pid}/fd")}
        lowest_free = min(set(range(len(taken) + 1)) - taken)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        assert status(web) == "503"
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, before)

        assert status(web) == "200"
        assert web.worker == worker


def test_streams_leave_room_for_pages_where_connections_are_few(redis):
    with (
        serving(redis, "--worker-connections", "4") as web,
        contextlib.ExitStack() as cleanup,
    ):
        streams = [Stream(web, learner) for learner in (ANN, ANN, BOB)]
        for stream in streams:
            cleanup.callback(stream.close)
            stream.begun()

        refused = Stream(web, BOB)
        cleanup.callback(refused.close)

        assert not refused.is_let_in()
        refused.close()
        assert status(web) == "200"


as_root = pytest.mark.skipif(
    os.getuid() != 0, reason="counts all processes of a user; root may become one that has none"
)


@as_root
def test_a_request_waits_for_a_thread_where_no_other_can_be_started(redis):
    """The master, the worker, its hub and four threads are all that this user may have."""
    few = limited(resource.RLIMIT_NPROC, 7)
    with (
        serving(redis, worker="Patient", preexec_fn=few, **ALONE) as web,
        contextlib.ExitStack() as cleanup,
    ):
        worker = web.worker
        streams = [Stream(web, learner) for learner in (ANN, ANN, BOB, BOB)]
        for stream in streams:
            cleanup.callback(stream.close)
            stream.begun()

        waits = Client(web, WHOLE)
        cleanup.callback(waits.socket.close)
        log = redis.directory / "web.log"
        eventually(lambda: "can't start new thread" in log.read_text())
        streams[0].close()

        assert waits.read().startswith("HTTP/1.1 200 ")
        assert web.worker == worker


@as_root
def test_a_sandbox_that_finds_no_process_does_not_end_the_others(machine):
    shop_template_directory()  # the user of this labs host may write none into the checkout
    machine.start_host("--isolation", "process", "--pool", "0", **ALONE)
    first = machine.open("ann")
    (zygote,) = zygotes(machine)

    allow_processes(zygote, "1:")
    second = machine.open("bob")
    allow_processes(zygote, "1000:")
    third = machine.open("clara")

    assert [machine.status(sandbox) for sandbox in (first, second, third)] == [
        "open",
        "closed",
        "open",
    ]
    assert zygote.is_running()
    eventually(lambda: "did not open" in machine.log())
    assert "does not answer" not in machine.log()  # it did answer: no other takes its place


LOAD_WITHOUT_A_PROCESS = """
import resource
from labs.clients.address import Address
from labs.errors import DidNotStart
from labs.load.forkserver import ProcessForkServer
from labs.network.links import Links

server = ProcessForkServer()
links = Links(side_channel=server)
resource.prlimit(links._pid, resource.RLIMIT_NPROC, (1, 1))
try:
    server.start(None)
except DidNotStart as error:
    print(error)
links.listen("still there", Address("127.0.0.1", 0))
links.close()
server.close()
"""


@as_root
def test_a_load_that_finds_no_process_does_not_end_the_links():
    found = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_A_PROCESS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        **ALONE,
    )

    assert "as many processes as it may" in found.stdout
    assert found.stderr == ""
    assert found.returncode == 0


def allow_processes(process, how_many):
    subprocess.run(
        ["prlimit", "--pid", str(process.pid), f"--nproc={how_many}"], check=True, **ALONE
    )


@pytest.mark.parametrize(
    "words",
    [
        "-m gunicorn -c python:portal.serve.gunicorn_settings scripts.benchmarks.bare:app",
        "-m portal serve",
        "-m labs.host --state /nowhere",
    ],
)
def test_where_too_few_files_may_be_open_it_says_so_and_does_not_start(words):
    started = subprocess.run(
        [sys.executable, *words.split()],
        cwd=ROOT,
        preexec_fn=limited(resource.RLIMIT_NOFILE, 500),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )

    assert started.returncode == 1
    assert "500 open files (ulimit -n)" in started.stderr
    assert "Traceback" not in started.stderr


def test_where_too_few_processes_are_allowed_the_site_says_so_and_does_not_start():
    started = subprocess.run(
        [sys.executable, "-m", "portal", "serve"],
        cwd=ROOT,
        preexec_fn=limited(resource.RLIMIT_NPROC, LEAST_PROCESSES - 1),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )

    assert started.returncode == 1
    assert "processes and threads (ulimit -u)" in started.stderr
    assert "Traceback" not in started.stderr
