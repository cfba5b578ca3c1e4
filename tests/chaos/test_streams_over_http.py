"""Event streams from a real web server: who is refused, who is dropped, and that one reader's
slowness is nobody else's.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from itsdangerous import Signer

from labs.events import Entry, NoteAdded, encode
from tests.chaos.conftest import ROOT
from tests.chaos.few_streams import PER_WORKER, SLOW_READER_S
from tests.waiting import eventually

SECRET = "a secret of the tests, long enough"
ANN, BOB, CLARA = "a" * 32, "b" * 32, "c" * 32


class Web:
    """The portal under gunicorn, with a sandbox for each learner whose feed the test writes.

    There is no Postgres: streams need none.
    """

    def __init__(self, machine):
        self.redis, self.seq = machine.redis, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.live()
        with (machine.directory / "web.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "--worker-class",
                    "gthread",
                    "--workers",
                    "1",
                    "--threads",
                    "16",
                    "--no-control-socket",
                    "--graceful-timeout",
                    "2",
                    "--bind",
                    f"127.0.0.1:{self.port}",
                    "tests.chaos.few_streams:create()",
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "DATABASE_URL": "postgresql:///none?host=/nowhere",
                    "REDIS_URL": f"unix://{machine.socket}",
                    "SECRET_KEY": SECRET,
                },
            )
        eventually(self.answers, within_s=20)

    def answers(self):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked,
        ):
            asked.sendall(b"GET /labs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return asked.recv(100)
        return b""

    def live(self):
        for learner in (ANN, BOB, CLARA):
            self.redis.hset(
                f"labs:sandbox:{learner}",
                mapping={"owner": learner, "lab": "cache-aside", "host": "here", "status": "open"},
            )

    def tell(self, learner, text="something happened"):
        self.seq += 1
        data = json.dumps(encode(Entry(self.seq, time.time(), NoteAdded(text=text))))
        self.redis.xadd(f"labs:feed:{learner}", {"e": data}, id=f"{self.seq}-0", maxlen=200)
        self.redis.publish(f"labs:feed:{learner}", data)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Stream:
    """One reader; `reads` False is one that asks and then takes nothing."""

    def __init__(self, web, learner, *, reads=True, buffer=0):
        self.text, self.lags = "", []
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", web.port))
        cookie = Signer(SECRET, salt="learner-cookie").sign(learner).decode()
        self.socket.sendall(
            f"GET /sandboxes/{learner}/events HTTP/1.1\r\nHost: localhost\r\nCookie: "
            f"learner={cookie}\r\n\r\n".encode()
        )
        self.thread = threading.Thread(target=self._read)
        if reads:
            self.thread.start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := self.socket.recv(65_536):
                now = time.time()
                self.text += data.decode()
                self.lags += [now - float(at) for at in re.findall(rb'"at": ?(\d+\.?\d*)', data)]

    def begun(self):
        return eventually(lambda: "event: hello" in self.text) and self

    def is_let_in(self):
        return (
            eventually(lambda: re.search("event: hello|Too many", self.text))[0] == "event: hello"
        )

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.thread.ident:
            self.thread.join(5)
        self.socket.close()


@pytest.fixture
def web(machine):
    web = Web(machine)
    yield web
    web.stop()


@pytest.fixture
def stream(web):
    streams = []

    def begin(learner, **how):
        streams.append(Stream(web, learner, **how))
        return streams[-1]

    yield begin
    for opened in streams:
        opened.close()


def test_a_full_worker_refuses_and_says_when_to_come_again(stream):
    streams = [stream(learner).begun() for learner in (ANN, ANN, BOB, BOB)]
    assert len(streams) == PER_WORKER

    refused = stream(CLARA)

    eventually(lambda: "Too many streams" in refused.text)
    assert refused.text.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: 5\r\n" in refused.text
    streams[0].close()
    eventually(lambda: stream(CLARA).is_let_in())


def test_as_many_streams_begin_right_after_as_many_were_closed(stream):
    for _ in range(3):
        streams = [stream(learner) for learner in (ANN, ANN, BOB, BOB)]
        assert all(opened.is_let_in() for opened in streams)
        for opened in streams:
            opened.close()


def test_a_learners_oldest_stream_makes_room_for_a_third(web, stream):
    first, second = stream(ANN).begun(), stream(ANN).begun()

    third = stream(ANN).begun()

    eventually(lambda: '"reason": "elsewhere"' in first.text)
    web.tell(ANN)
    eventually(lambda: "something happened" in second.text and "something happened" in third.text)
    assert "something happened" not in first.text


def test_a_reader_who_takes_nothing_is_dropped_at_the_deadline(web, stream):
    stuck = stream(ANN, reads=False, buffer=2_048)
    time.sleep(0.2)
    began = time.monotonic()
    while time.monotonic() < began + SLOW_READER_S + 3:
        web.tell(ANN, "x" * 60_000)
        time.sleep(0.02)

    stuck.socket.settimeout(5)
    with contextlib.suppress(ConnectionResetError):
        while stuck.socket.recv(
            1 << 20
        ):  # what had been sent before; then it ends, for the server has closed it
            assert time.monotonic() < began + SLOW_READER_S + 6, "it is served still"


def test_all_events_reach_the_others_beside_a_reader_of_a_byte_a_second(web, stream):
    slow, others = (
        stream(ANN, reads=False, buffer=2_048),
        [stream(learner).begun() for learner in (ANN, BOB)],
    )

    for _ in range(60):
        for learner in (ANN, BOB):
            web.tell(learner, "x" * 8_000)
        web.live()
        time.sleep(0.04)
        with contextlib.suppress(OSError):
            slow.socket.settimeout(0.001)
            slow.socket.recv(1)

    eventually(lambda: all(len(other.lags) == 60 for other in others))
