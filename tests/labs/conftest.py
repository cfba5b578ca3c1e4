"""Real servers for the tests of the engine room: private, on a loopback address of their own, dead
when the test is over.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from labs.clients.address import Address
from labs.engines.memcached import Memcached
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.headless import own_supervisor
from labs.runtime.process import ProcessRuntime
from labs.sandbox.memcached_console import MemcachedConsole
from labs.shop import template
from tests.labs.certificates import Authority
from tests.waiting import WITHIN_S, eventually

ROOT = Path(__file__).resolve().parents[2]
UID = 61_500


class Rack:
    """Starts servers under an ordinary user and ends them."""

    def __init__(self, directory):
        self.directory = directory
        self.host = f"127.79.{os.getpid() % 250}.1"
        self.processes = {}
        self._given = set()

    def address(self):
        for port in range(21_000, 32_000):
            if port not in self._given:
                with socket.socket() as probe:
                    if probe.connect_ex((self.host, port)):
                        self._given.add(port)
                        return Address(self.host, port)
        raise AssertionError("no free port")

    def start(self, engine):
        process = self.spawn(engine)

        def answers():
            assert process.poll() is None, self.log(engine)
            try:
                return engine.ready(0.5)
            except ServerDown:
                return None

        return eventually(answers)

    def spawn(self, engine):
        launch = engine.launch()
        for path, text in launch.files.items():
            path.write_text(text)
            self.own(path)
        user = {"user": UID, "group": UID, "extra_groups": []} if os.getuid() == 0 else {}
        with self._log_of(engine).open("ab") as log:
            self.processes[engine.name] = subprocess.Popen(
                launch.argv,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **launch.env},
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
                **user,
            )
        return self.processes[engine.name]

    def kill(self, engine):
        process = self.processes.pop(engine.name)
        process.send_signal(signal.SIGCONT)
        process.send_signal(engine.launch().death_signal)
        process.wait(WITHIN_S)

    def own(self, path):
        if os.getuid() == 0:
            os.chown(path, UID, UID)
        path.chmod(0o700 if path.is_dir() else 0o600)

    def log(self, engine):
        return self._log_of(engine).read_text()

    def _log_of(self, engine):
        return self.directory / f"{engine.name}.log"

    def clear(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(
                signal.SIGQUIT if "postgres" in str(process.args[0]) else signal.SIGKILL
            )
        for process in self.processes.values():
            process.wait(WITHIN_S)


@contextlib.contextmanager
def racks():
    """A rack that is cleared at the end."""
    directory = Path(tempfile.mkdtemp(prefix="cg-t-", dir="/tmp"))
    made = Rack(directory)
    made.own(directory)
    yield made
    made.clear()
    shutil.rmtree(directory)


@pytest.fixture
def rack():
    with racks() as made:
        yield made


@pytest.fixture
def authority(rack, needs):
    """A certificate authority whose files the servers of the rack can read."""
    needs(shutil.which("openssl") is not None, "openssl")
    return Authority(rack.directory)


@pytest.fixture(scope="session")
def shop_template():
    target = Path(os.environ.get("CACHEGROUND_TEMPLATE") or ROOT / "var" / "template")
    template.build(target)
    return target


@pytest.fixture
def database_directory(rack, shop_template):
    """A sandbox's own copy of the template, ready to be started on."""
    return copy_of(shop_template, rack)


def copy_of(shop_template, rack):
    """A copy of the template in a rack, ready to be started on."""
    directory = rack.directory / "database"
    directory.mkdir(mode=0o700)
    template.copy(shop_template, directory / "data")
    for folder, _, files in os.walk(directory):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            rack.own(path)
    return directory


@contextlib.contextmanager
def databases(shop_template):
    """A database on a rack of its own, running: the rack, and its engine."""
    with racks() as rack:
        engine = Postgres("database", rack.address(), copy_of(shop_template, rack), "a password")
        rack.start(engine)
        yield rack, engine
        engine.close()


@pytest.fixture(scope="module")
def supervisor():
    """A supervisor of the strongest isolation that works here."""
    with own_supervisor() as kept:
        kept.wait_ready()
        yield kept


@pytest.fixture
def runtime():
    """A runtime of plain processes."""
    made = ProcessRuntime(slot=240)
    yield made
    made.close()


@pytest.fixture
def start_redis(rack):
    """Starts a Redis by name, on a file if it is given one."""

    def start(name, dump=None):
        folder = rack.directory / name
        folder.mkdir()
        rack.own(folder)
        if dump is not None:
            (folder / "dump.rdb").write_bytes(dump)
            rack.own(folder / "dump.rdb")
        engines.append(
            engine := Redis(name, rack.address(), folder, "secret", maxmemory_policy="noeviction")
        )
        rack.start(engine)
        return engine

    engines = []
    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def start_memcached(rack):
    """Starts a Memcached by name."""

    def start(name):
        engines.append(engine := Memcached(name, rack.address(), rack.directory))
        rack.start(engine)
        return engine

    engines = []
    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def memcached(start_memcached):
    """A Memcached."""
    return start_memcached("cache")


@pytest.fixture
def memcached_console(memcached):
    """Its console."""
    console = MemcachedConsole(memcached.address, memcached.access("learner"))
    yield console
    console.close()


@pytest.fixture
def memcached_session(memcached):
    """What a session of another server's own protocol answers to these lines."""

    def send(text):
        with socket.create_connection((memcached.address.host, memcached.address.port), 5) as made:
            lists = text.startswith("lru_crawler metadump")
            end = b"END\r\n" if lists else b"MN\r\n"
            last = b"" if lists else b"mn\r\n"
            until = end * 2 if text == "mn" else end
            made.sendall(text.replace("\n", "\r\n").encode() + b"\r\n" + last)
            answer = b""
            while not answer.endswith(until):
                answer += made.recv(65_536)
        return answer if lists else answer.removesuffix(end)

    return send
