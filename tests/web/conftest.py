"""A Postgres and a portal Redis of the tests' own, on unix sockets in a directory of their own; an
app on them; a labs host that answers.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import RedisError

from labs.client import catalogue
from portal.app import create_app
from portal.migrations import migrate
from portal.settings import ROOT, Settings
from portal.web.services import make_redis
from tests.processes import pause, resume
from tests.waiting import eventually
from tests.web.answering_host import AnsweringHost
from tests.web.faked_labs import FakedLabs, FakedSandbox, faked_labs

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
TABLES = "shared_record, outcome, prediction, answer, progress, recovery, learner"
DEADLINE_S = 20.0


class PostgresServer:
    """A Postgres for one test run; `go_away` and `come_back` are faults that a test may inject."""

    def __init__(self, folder: Path, user: str | None) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        self.bin = (
            found[-1].parent
            if found
            else Path(shutil.which("postgres") or pytest.fail("no Postgres")).resolve().parent
        )
        self.folder, self.user = folder, user
        self.data = folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                self.bin / "initdb",
                "-D",
                self.data,
                "-U",
                "portal",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            **self._who(),
        )
        self.url = f"postgresql+psycopg://portal@/postgres?host={folder}"

    def _who(self) -> dict[str, Any]:
        return (
            {
                "user": self.user,
                "group": pwd.getpwnam(self.user).pw_gid,
                "extra_groups": [],
                "cwd": self.folder,
            }
            if self.user
            else {"cwd": self.folder}
        )

    def start(self) -> None:
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.bin / "postgres",
                    "-D",
                    self.data,
                    "-k",
                    self.folder,
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_connections=60",
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **self._who(),
            )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def go_away(self) -> None:
        """Break every connection and take no new one; the process stays, for a test leaves no new
        one behind.
        """
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            (self.folder / ".s.PGSQL.5432").rename(self.folder / "away.pg")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE "
                "backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def come_back(self) -> None:
        """Take connections again."""
        (self.folder / "away.pg").rename(self.folder / ".s.PGSQL.5432")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(DEADLINE_S)
            self.process = None


class RedisServer:
    """A portal Redis for one test run, with the faults that a test may inject."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder, self.user = folder, user
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.client = make_redis(self.url, timeout_s=5.0, connect_timeout_s=1.0)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        who: dict[str, Any] = (
            {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
            if self.user
            else {}
        )
        self.process = subprocess.Popen(
            [
                shutil.which("redis-server") or pytest.fail("no redis-server"),
                "--port",
                "0",
                "--unixsocket",
                str(self.socket),
                "--save",
                "",
                "--dir",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            **who,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(DEADLINE_S)
            self.process = None

    def go_away(self) -> None:
        """Break every connection and take no new one."""
        self.client.ping()
        self.socket.rename(self.folder / "away.redis")
        self.client.execute_command("CLIENT", "KILL", "SKIPME", "yes")

    def come_back(self) -> None:
        """Take connections again."""
        (self.folder / "away.redis").rename(self.socket)

    def hang(self) -> None:
        """Keep the connections, answer nothing."""
        assert self.process
        pause(self.process.pid)

    def go_on(self) -> None:
        """Answer again."""
        assert self.process
        resume(self.process.pid)


@pytest.fixture(scope="session")
def run_folder() -> Iterator[tuple[Path, str | None]]:
    """A directory that the servers own, and the user that they run as: never root."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cg-", dir="/tmp"))
    folder.chmod(0o755)
    if user:
        shutil.chown(folder, user)
    yield folder, user
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(run_folder: tuple[Path, str | None]) -> Iterator[PostgresServer]:
    """A migrated Postgres."""
    server = PostgresServer(*run_folder)
    server.start()
    migrate(server.url)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(run_folder: tuple[Path, str | None]) -> Iterator[RedisServer]:
    """A portal Redis."""
    server = RedisServer(*run_folder)
    server.start()
    yield server
    server.client.close()
    server.stop()


@pytest.fixture(scope="session")
def sample_labs() -> Iterator[None]:
    """The sample lab beside the real ones, for as long as the tests of the web run."""
    before = os.environ.get("CACHEGROUND_LABS")
    os.environ["CACHEGROUND_LABS"] = f"{SAMPLES / 'labs'}:{SAMPLES / 'new_kind'}"
    catalogue.cache_clear()
    yield
    if before is None:
        del os.environ["CACHEGROUND_LABS"]
    else:
        os.environ["CACHEGROUND_LABS"] = before
    catalogue.cache_clear()


@pytest.fixture
def portal_redis(redis_server: RedisServer) -> Redis:
    """The portal Redis, emptied."""
    redis_server.client.flushall()
    return redis_server.client


@pytest.fixture
def sql(postgres: PostgresServer) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Ask the portal's Postgres, whose tables are empty at the start."""
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"TRUNCATE {TABLES} CASCADE")

        def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

        yield ask


@pytest.fixture
def settings(postgres: PostgresServer, redis_server: RedisServer) -> Settings:
    """Settings for the sample lessons on the tests' own servers."""
    return Settings(
        database_url=postgres.url,
        redis_url=redis_server.url,
        secret_key="a secret of the tests, long enough",
        lessons=SAMPLES / "lessons",
    )


class Returning(FlaskClient):
    """A client that sends its post once more where 307 leads it, as a browser does."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        response = super().open(*args, **kwargs)
        if response.status_code == 307:
            kwargs.pop("query_string", None)
            response = super().open(response.location, *args[1:], **kwargs)
        return response


class Browser(Returning):
    """A client that says where it comes from, too."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", None) or {})
        headers.setdefault("Sec-Fetch-Site", "same-origin")
        kwargs["headers"] = {name: value for name, value in headers.items() if value is not None}
        return super().open(*args, **kwargs)


@pytest.fixture
def app(sample_labs: None, settings: Settings, portal_redis: Redis, sql: object) -> Iterator[Flask]:
    """The site, on empty servers."""
    made = create_app(settings)
    made.test_client_class = Browser
    yield made
    services = made.extensions["cacheground"]
    services.engine.dispose()
    services.client.redis.close()
    services.quick_client.redis.close()


@pytest.fixture
def real(settings: Settings, app: Flask) -> Iterator[FlaskClient]:
    """A browser on the site with the real lessons."""
    made = create_app(replace(settings, lessons=ROOT / "lessons"))
    made.test_client_class = Browser
    yield made.test_client()
    services = made.extensions["cacheground"]
    services.engine.dispose()
    services.client.redis.close()
    services.quick_client.redis.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that has not been here before."""
    return app.test_client()


@pytest.fixture
def other(app: Flask) -> FlaskClient:
    """Another browser."""
    return app.test_client()


@pytest.fixture
def host(portal_redis: Redis, settings: Settings) -> Iterator[AnsweringHost]:
    """A labs host that answers."""
    redis = make_redis(settings.redis_url, timeout_s=5.0, connect_timeout_s=1.0)
    answering = AnsweringHost(redis)
    answering.start()
    yield answering
    answering.stop()
    redis.close()


@pytest.fixture
def learner_of() -> Callable[[FlaskClient], str]:
    """The id in a browser's cookie."""

    def read(client: FlaskClient) -> str:
        cookie = client.get_cookie("learner")
        assert cookie is not None
        return cookie.value.split(".")[0]

    return read


@pytest.fixture
def labs_host(app: Flask, portal_redis: Redis, redis_server: RedisServer) -> Iterator[FakedLabs]:
    """A labs host with doubles."""
    with faked_labs(redis_server.socket) as labs:
        yield labs
    if (hub := app.extensions.get("cacheground.hub")) is not None:
        hub.stop()
        if hub._thread:
            hub._thread.join(5)


@pytest.fixture
def opened(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> FakedSandbox:
    """The client's open sandbox of cache-aside."""
    assert client.post("/labs/cache-aside/sandbox", data={"set-ttl_s": "30"}).status_code == 303
    return labs_host.opened(learner_of(client))
