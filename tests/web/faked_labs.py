"""The shipped labs host with fake isolation, in threads of the test; and the line to the portal's
Redis by which a test hears it, cuts it off and waits for it.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import ConnectionPool, Redis, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from labs.client import LabsClient, SandboxInfo, find
from labs.events import Entry, Event
from labs.host.host import LabsHost
from labs.host.record import Limits
from labs.state import SandboxState
from tests.waiting import eventually

DEADLINE_S = 10.0


class CuttableConnection(UnixDomainSocketConnection):
    """A connection that can't be made again once `is_cut` is set."""

    def __init__(self, *, is_cut: threading.Event, **options: Any) -> None:
        super().__init__(**options)
        self._is_cut = is_cut

    def connect(self) -> None:
        if self._is_cut.is_set():
            raise RedisConnectionError("cut")
        super().connect()


class Line(Redis):
    """A labs host's connection to the portal's Redis: what it is asked is written down, and it can
    be cut.
    """

    def __init__(self, socket: Path) -> None:
        self._is_cut = threading.Event()
        super().__init__(
            connection_pool=ConnectionPool(
                connection_class=CuttableConnection,
                is_cut=self._is_cut,
                path=str(socket),
                decode_responses=True,
                protocol=2,
                socket_timeout=5.0,
                retry=Retry(NoBackoff(), 0),
            )
        )
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.before: dict[str, Callable[[], object]] = {}

    def blpop(self, keys: Any, timeout: Any = 0) -> Any:
        """A request, heard; waits so shortly that a host is soon stopped."""
        got: Any = super().blpop(keys, timeout=0.1)
        if got:
            request = json.loads(got[1])
            self.calls.append((request["call"], request["sandbox"], request["args"]))
            self.before.get(request["call"], lambda: None)()
        return got

    def cut(self) -> None:
        """Break every connection and let none be made."""
        self._is_cut.set()
        self.connection_pool.disconnect()


class FakedLabs:
    """One labs host after another; `vanish` takes one away as a power cut does."""

    def __init__(self, socket: Path, directory: Path) -> None:
        self._socket, self._directory = socket, directory
        self.redis = Redis(
            unix_socket_path=str(socket), decode_responses=True, protocol=2, socket_timeout=5.0
        )
        self.client = LabsClient(self.redis)
        self._running: list[tuple[LabsHost, Line, threading.Thread]] = []
        self.start()

    def start(self) -> None:
        """A host that is listed."""
        line = Line(self._socket)
        host = LabsHost(
            line,
            Path(tempfile.mkdtemp(dir=self._directory)),
            isolation="fake",
            pool=0,
            limits=Limits(room=4),
        )
        thread = threading.Thread(target=host.serve, name="labs host")
        thread.start()
        self._running.append((host, line, thread))
        eventually(lambda: any(info.id == host.id for info in self.client.hosts()))

    @property
    def host(self) -> LabsHost:
        """The host that was started last."""
        return self._running[-1][0]

    @property
    def line(self) -> Line:
        """Its line."""
        return self._running[-1][1]

    def vanish(self) -> None:
        """As if the machine had lost power: nothing is refreshed and the keys are gone."""
        self.line.cut()
        self.redis.flushall()

    def stop(self) -> None:
        for host, line, thread in self._running:
            host.stop()
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
            line.close()
        self.redis.close()

    def of(self, owner: str) -> FakedSandbox:
        """The owner's sandbox, which may be queued."""
        info = self.client.find(owner)
        assert info is not None
        return FakedSandbox(self, info.id)

    def opened(self, owner: str) -> FakedSandbox:
        """The owner's sandbox when it is open and all that its opening tells is in the feed."""
        sandbox = self.of(owner)
        eventually(lambda: sandbox.info.status == "open")
        eventually(lambda: len(sandbox.state.checks) == sandbox.checks)
        sandbox.settle()
        return sandbox

    def queue(self, *owners: str) -> None:
        """Nobody gets in while these wait in front."""
        self.host.admission.limits = Limits(room=1)
        for owner in ("somebody inside", *owners):
            self.client.open("cache-aside", owner=owner)

    def let_in(self) -> None:
        """There is room again."""
        self.host.admission.limits = Limits(room=9)
        self.client.call(self.of("somebody inside").id, "close")


class FakedSandbox:
    """A sandbox as a test looks at it."""

    def __init__(self, labs: FakedLabs, sandbox: str) -> None:
        self.labs, self.id = labs, sandbox

    @property
    def info(self) -> SandboxInfo:
        return self.labs.client.info(self.id)

    @property
    def state(self) -> SandboxState:
        """What has happened in it so far."""
        return self.labs.host.admission.find(self.id).state

    @property
    def checks(self) -> int:
        """How many its lab has."""
        return len(find(self.info.lab).checks)

    @property
    def calls(self) -> list[tuple[str, str, dict[str, Any]]]:
        return self.labs.line.calls

    def settle(self) -> None:
        """Wait until all that it told is in the feed."""
        eventually(
            lambda: (told := self.labs.client.events(self.id)) and told[-1].seq >= self.state.seq
        )

    def tell(self, event: Event) -> None:
        """Have it tell this, as its last words: what it tells by itself afterwards is refused, for
        its number is taken.
        """
        record = self.labs.host.admission.find(self.id)
        self.labs.host.on_event(record, Entry(record.state.seq + 1, time.time(), event))


@contextmanager
def faked_labs(redis_socket: Path) -> Iterator[FakedLabs]:
    """Labs in which nothing runs, for as long as a test does."""
    with tempfile.TemporaryDirectory() as directory:
        labs = FakedLabs(redis_socket, Path(directory))
        yield labs
        labs.stop()
