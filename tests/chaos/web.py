"""The portal under gunicorn on a portal Redis of a test's own, and readers of its streams."""

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time

import psutil
from itsdangerous import Signer

from labs.events import Entry, NoteAdded, encode
from tests.chaos.conftest import ROOT
from tests.waiting import WITHIN_S, eventually

SECRET = "a secret of the tests, long enough"
ANN, BOB, CLARA = "a" * 32, "b" * 32, "c" * 32


def cookie_of(learner):
    """The line of a request's head that names this learner."""
    return f"Cookie: learner={Signer(SECRET, salt='learner-cookie').sign(learner).decode()}\r\n"


class Web:
    """The portal under gunicorn, with a sandbox for each learner whose feed the test writes.

    There is no Postgres: streams need none.
    """

    def __init__(self, machine, *options, worker="Quick", **how):
        self.redis, self.seq = machine.redis, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.live()
        with (machine.directory / "web.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *("-m", "gunicorn", "-c", "python:portal.serve.gunicorn_settings"),
                    *("--worker-class", f"tests.chaos.few_streams.{worker}"),
                    *("--workers", "1", "--threads", "16", "--graceful-timeout", "2"),
                    *("--bind", f"127.0.0.1:{self.port}"),
                    *options,
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
                **how,
            )
        try:
            eventually(self.answers)
        except BaseException:
            self.stop()
            raise

    def answers(self):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked,
        ):
            asked.sendall(b"GET /labs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return asked.recv(100)
        return b""

    @property
    def worker(self):
        """The one process that serves."""
        return psutil.Process(self.process.pid).children()[0]

    def connections(self, status):
        """How many of its clients' connections the worker has in this state."""
        return sum(
            connection.status == status and connection.laddr.port == self.port
            for connection in self.worker.net_connections("tcp")
        )

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
        self.process.wait(timeout=WITHIN_S)


@contextlib.contextmanager
def serving(machine, *options, **how):
    """A Web that is stopped at the end."""
    web = Web(machine, *options, **how)
    try:
        yield web
    finally:
        web.stop()


class Client:
    """One connection, which does only what it is asked to."""

    def __init__(self, web, sent="", *, receive_buffer=0):
        self.socket = socket.socket()
        self.socket.settimeout(WITHIN_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", web.port))
        self.send(sent)

    def send(self, text):
        self.socket.sendall(text.encode())

    def read(self):
        """All that comes until the server closes."""
        heard = b""
        while data := self.socket.recv(1 << 20):
            heard += data
        return heard.decode()

    def read_one(self):
        """One answer with its length, and whether it says that the connection is kept."""
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += self.some()
        head, _, body = heard.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
        while len(body) < length:
            body += self.some()
        return head.decode(), body.decode()

    def is_closed(self):
        """Whether the server has closed, with nothing left to read."""
        readable, _, _ = select.select([self.socket], [], [], 0)
        return bool(readable) and self.socket.recv(1, socket.MSG_PEEK) == b""

    def some(self):
        data = self.socket.recv(1 << 20)
        assert data, "the server closed within an answer"
        return data


class Stream:
    """One reader; `reads` False is one that asks and then takes nothing."""

    def __init__(self, web, learner, *, reads=True, buffer=0):
        self.text, self.lags = "", []
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", web.port))
        self.socket.sendall(
            f"GET /sandboxes/{learner}/events HTTP/1.1\r\nHost: localhost\r\n"
            f"{cookie_of(learner)}\r\n".encode()
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
