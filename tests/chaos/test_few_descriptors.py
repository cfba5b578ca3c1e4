"""A system that allows few open files: who comes too late is refused, and no worker dies."""

import contextlib
import resource
import subprocess
import sys

import psutil
import pytest

from tests.chaos.conftest import ROOT, a_machine
from tests.chaos.web import ANN, BOB, Client, Stream, serving
from tests.waiting import WITHIN_S, eventually

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
    hard = limited(resource.RLIMIT_NOFILE, 256)
    with (
        serving(redis, worker="Patient", preexec_fn=hard) as web,
        clients(web, 600, HALF),
    ):
        worker = web.worker

        assert status(web) == "200"
        assert web.worker == worker
        assert 0 < web.connections(psutil.CONN_ESTABLISHED) < 256


def test_streams_leave_room_for_pages_where_few_files_may_be_open(redis):
    few = limited(resource.RLIMIT_NOFILE, 130)
    with serving(redis, "--threads", "64", worker="Patient", preexec_fn=few) as web:
        worker = web.worker
        streams = [Stream(web, learner) for learner in (ANN, ANN, BOB, BOB)]
        with clients(web, 100, HALF), contextlib.ExitStack() as cleanup:
            for stream in streams:
                cleanup.callback(stream.close)
                stream.begun()

            assert status(web) == "200"

        assert web.worker == worker


@pytest.mark.parametrize(
    "words",
    [
        "-m gunicorn -c python:portal.serve.gunicorn_settings scripts.benchmarks.bare:app",
        "-m portal serve",
    ],
)
def test_where_too_few_files_may_be_open_it_says_so_and_does_not_start(words):
    started = subprocess.run(
        [sys.executable, *words.split()],
        cwd=ROOT,
        preexec_fn=limited(resource.RLIMIT_NOFILE, 60),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )

    assert started.returncode == 1
    assert "60 open files (ulimit -n)" in started.stderr
    assert "Traceback" not in started.stderr
