"""Starts the parts of the site in order, says when it is ready, restarts what dies, stops all in
the opposite order.

One thread, which starts every child: the kernel ends the children should this process be killed.
Signals are waited for, not handled.
"""

from __future__ import annotations

import compileall
import contextlib
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path

import psycopg
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from labs.client import (
    HostInfo,
    LabsClient,
    disk_is_full,
    for_python,
    forget_foreign,
    remove_unfinished,
    template_directory,
)
from labs.errors import HostAway
from portal import migrations
from portal.heartbeat import RECORDS
from portal.serve.child import Launch
from portal.serve.embedded import EmbeddedPostgres, EmbeddedRedis
from portal.serve.limits import raise_open_files, raise_processes
from portal.serve.listening import claim, in_url, is_loopback, listen, url, without_brackets
from portal.serve.named import look_at_postgres, look_at_redis
from portal.serve.places import SAYS_FULL, CannotServe, Places, disk_full, places_of
from portal.serve.service import Service
from portal.settings import (
    OF_THE_LABS,
    OF_THE_PORTAL,
    ROOT,
    SettingsError,
    given,
    host_names,
    near_misses,
)

START_S = 60.0
MIGRATION_S = 300.0
RELEASE_S = 6.0
NO_SPACE = "No space left on device"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Stopped(Exception):
    """A signal asked the site to stop."""


def serve(*, host: str, port: int, without_isolation: bool = False) -> int:
    """Run the whole site until SIGTERM or Ctrl-C; returns the exit code."""
    host = without_brackets(host)
    os.umask(0o022)
    state = Path()
    with _held_signals():
        try:
            raise_open_files()
            raise_processes()
            settings = given()
            for note in near_misses():
                print(note, file=sys.stderr, flush=True)
            forget_foreign(settings)
            state = Path(settings.get("CACHEGROUND_STATE") or ROOT / "var").absolute()
            if disk_is_full(state):
                raise CannotServe(disk_full(state))
            places = places_of(state)
            places.make()
            with (
                claim(places.lock, url(host, port)) as was_killed,
                listen(host, port, RELEASE_S if was_killed else 0.0) as listener,
                places.with_sockets(),
            ):
                Site(places, settings, host, listener, without_isolation=without_isolation).run()
        except (CannotServe, SettingsError, OSError) as exc:
            print(_why(exc, state), file=sys.stderr, flush=True)
            return 1
    return 0


def _why(exc: Exception, state: Path) -> str:
    """What kept the site from running. A full disk shows itself in a part that can't write, and
    seldom by its name.
    """
    said = f"Cacheground could not start or go on: {exc}" if isinstance(exc, OSError) else str(exc)
    if SAYS_FULL not in said and (disk_is_full(state) or NO_SPACE in said):
        return f"{said}\n{disk_full(state)}"
    return said


class Site:
    """All parts of one running site."""

    def __init__(
        self,
        places: Places,
        settings: Mapping[str, str],
        host: str,
        listener: socket.socket,
        *,
        without_isolation: bool,
    ) -> None:
        self._places = places
        self._settings = settings
        self._host = host
        self._listener = listener
        self._address, self._port = listener.getsockname()[:2]
        self._without_isolation = without_isolation
        self._services: list[Service] = []
        sockets, portal = places.sockets, places.portal
        self._postgres: EmbeddedPostgres | None = None
        self._redis: EmbeddedRedis | None = None
        self._database_url = settings.get("DATABASE_URL", "")
        self._redis_url = settings.get("REDIS_URL", "")
        if not self._database_url:
            self._postgres = EmbeddedPostgres(portal / "postgres", sockets, uid=places.uid)
            self._database_url = self._postgres.url
        if not self._redis_url:
            self._redis = EmbeddedRedis(portal / "redis", sockets, uid=places.uid)
            self._redis_url = self._redis.url
        self._client = LabsClient(
            Redis.from_url(
                self._redis_url,
                decode_responses=True,
                protocol=2,
                socket_timeout=1.0,
                socket_connect_timeout=1.0,
                retry=Retry(NoBackoff(), 0),
            )
        )

    def run(self) -> None:
        """Start, say so, watch, until asked to stop; whatever happens, nothing is left running."""
        try:
            self._start()
            while True:
                self._pause(0.5)
                for service in self._services:
                    service.keep_running()
        except Stopped:
            print("Stopping.", flush=True)
        finally:
            self._stop()

    def _start(self) -> None:
        """Each part as soon as what it needs is there; nothing waits for the recorder."""
        if not self._postgres:
            look_at_postgres(self._database_url)
        if not self._redis and (note := look_at_redis(self._redis_url)):
            print(note, flush=True)
        for folder in ("labs", "portal"):
            compileall.compile_dir(ROOT / folder, quiet=2)
        redis = self._add("redis", self._redis.launch, self._redis.answers) if self._redis else None
        if self._postgres and not self._postgres.data.exists():
            print("Making the portal's database; this happens once.", flush=True)
        postgres = self._add("postgres", self._postgres.launch) if self._postgres else None
        if redis and self._redis:
            self._wait(self._redis.answers, redis)
        # Without a Redis it is not known whether they answer.
        labs_host = self._add("labs-host", self._labs_host, lambda: self._hosts() != [])
        if postgres:
            self._wait(lambda: self._accepts(postgres), postgres)
        self._migrate()
        if not is_loopback(self._address):
            self._check_isolation(self._wait_for_host(labs_host))
        web = self._add("web", self._web)
        self._wait(self._web_answers, web)
        seen = self._wait_for_host(labs_host)
        self._add("recorder", self._recorder, self._records)
        print(f"Ready: {url(self._host, self._port)}", flush=True)
        if seen.isolation != "cage":
            print(
                f"Sandboxes have no walls of their own here (isolation: {seen.isolation}). That "
                "is for one person on their own machine.",
                flush=True,
            )

    def _add(
        self, name: str, launch: Callable[[], Launch], answers: Callable[[], bool] = lambda: True
    ) -> Service:
        """Start a part with an empty log, keep the one before; it is restarted when it dies."""
        log = self._places.logs / f"{name}.log"
        with contextlib.suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.1"))
        service = Service(name, log, launch, answers)
        self._services.append(service)
        service.start()
        return service

    def _accepts(self, postgres: Service) -> bool:
        child = postgres.child
        return bool(self._postgres and child and self._postgres.answers(child.pid))

    def _migrate(self) -> None:
        """Bring the database to this version's schema. Most starts find it there."""
        try:
            if migrations.current(self._database_url) == migrations.HEAD:
                return
        except psycopg.Error as exc:
            raise CannotServe(f"The portal's Postgres can't be used: {str(exc).strip()}") from exc
        migration = self._add(
            "migration", lambda: self._ours("migration", ["-m", "portal", "migrate"])
        )
        child = migration.child
        assert child is not None
        end = time.monotonic() + MIGRATION_S
        while child.exit_code() is None and time.monotonic() < end:
            self._pause(0.05)
        self._services.remove(migration)
        child.stop()
        if child.exit_code() != 0:
            raise CannotServe(
                "The portal's database could not be brought to this version's schema. "
                f"{migration.last_words()}"
            )

    def _labs_host(self) -> Launch:
        environment = {**self._given(OF_THE_LABS.keys()), "REDIS_URL": self._redis_url}
        argv: list[str | Path] = [sys.executable, "-m", "labs.host", "--state", self._places.host]
        return Launch(
            name="labs-host", argv=argv, environment=environment, directory=ROOT, stop_s=8.0
        )

    def _web(self) -> Launch:
        descriptor = self._listener.fileno()
        words = "-m gunicorn -c python:portal.serve.gunicorn_settings portal.wsgi:app --bind"
        arguments = [*words.split(), f"fd://{descriptor}"]
        return self._ours("web", arguments, inherited=(descriptor,))

    def _recorder(self) -> Launch:
        return self._ours("recorder", ["-m", "portal", "recorder"])

    def _ours(self, name: str, arguments: list[str], inherited: tuple[int, ...] = ()) -> Launch:
        """A Python process of the portal, under its user."""
        return Launch(
            name=name,
            argv=[sys.executable, *arguments],
            environment=self._environment(),
            directory=ROOT,
            uid=self._places.uid,
            death_signal=signal.SIGTERM,  # gunicorn then ends its workers
            inherited=inherited,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **self._given(OF_THE_PORTAL.keys() | {"CACHEGROUND_LABS"}),
            "DATABASE_URL": self._database_url,
            "REDIS_URL": self._redis_url,
            "CACHEGROUND_STATE": str(self._places.state),
            "SECRET_KEY": self._settings.get("SECRET_KEY") or self._places.secret(),
            "HOME": str(self._places.portal),
            "TRUSTED_HOSTS": self._settings.get("TRUSTED_HOSTS") or self._own_names(),
        }

    def _given(self, names: Set[str]) -> dict[str, str]:
        """The environment of a program of ours, with those of these settings that are set."""
        return for_python() | {name: self._settings[name] for name in names & self._settings.keys()}

    def _own_names(self) -> str:
        """On this machine's own address only its own names: another's may be made to lead here."""
        own = f"localhost,127.0.0.1,[::1],{in_url(self._host)}"
        return own if is_loopback(self._address) else ""

    def _check_isolation(self, seen: HostInfo) -> None:
        if seen.isolation == "cage" or self._without_isolation:
            return
        raise CannotServe(
            f"{self._host} can be reached by others, and sandboxes have no walls here "
            f"(isolation: {seen.isolation}): a learner could reach this machine.\n"
            "Install bubblewrap and allow user namespaces, or, if you trust everybody who can "
            "reach it, add --without-isolation."
        )

    def _wait_for_host(self, labs_host: Service) -> HostInfo:
        self._wait(lambda: bool(self._hosts()), labs_host)
        return self._client.hosts()[0]

    def _hosts(self) -> list[HostInfo] | None:
        """The labs hosts; None while the Redis does not answer."""
        try:
            return self._client.hosts()
        except HostAway:
            return None

    def _records(self) -> bool:
        """True unless the recorder has not reported for a while."""
        with contextlib.suppress(RedisError):
            return bool(self._client.redis.exists(RECORDS))
        return True

    @property
    def _local(self) -> str:
        """The address at which this machine reaches the site."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._address, str(self._address))

    def _web_answers(self) -> bool:
        """Ask as a browser would; the listener queues the request until a worker takes it."""
        trusted = host_names(self._settings.get("TRUSTED_HOSTS", ""))
        name = trusted[0].lstrip(".") if trusted else f"{in_url(self._local)}:{self._port}"
        connection = http.client.HTTPConnection(self._local, self._port, timeout=1.0)
        try:
            connection.request("GET", "/healthz", headers={"Host": name})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _wait(self, true: Callable[[], bool], service: Service) -> None:
        """Until it is true; CannotServe if the part dies or the time is over."""
        end = time.monotonic() + START_S
        while not true():
            problem = ""
            if service.child is None or service.child.exit_code() is not None:
                problem = "ended while it was starting"
            elif time.monotonic() > end:
                problem = f"was not ready within {START_S:.0f} seconds"
            if problem:
                raise CannotServe(f"{service.name} {problem}. {service.last_words()}")
            self._pause(0.01)

    def _pause(self, seconds: float) -> None:
        """Sleep, shorter if a child ends. Raises Stopped at a signal to stop."""
        seen = signal.sigtimedwait([*STOP_SIGNALS, signal.SIGCHLD], seconds)
        if seen is not None and seen.si_signo in STOP_SIGNALS:
            raise Stopped

    def _stop(self) -> None:
        """Readers first, then the labs, then what both need; parts of one step side by side."""
        self._listener.close()
        for step in ({"web", "recorder", "migration"}, {"labs-host"}, {"redis", "postgres"}):
            services = [service for service in self._services if service.name in step]
            children = [service.child for service in services if service.child]
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()
        # A labs host that did not end in time was killed, perhaps while it built.
        remove_unfinished(template_directory())
        self._client.redis.close()


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """Keep signals to stop until they are asked for: none comes between a start and its record.
    One that comes while the site stops already asks for nothing more.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [*STOP_SIGNALS, signal.SIGCHLD])
    try:
        yield
    finally:
        while signal.sigtimedwait(STOP_SIGNALS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
