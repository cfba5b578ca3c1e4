"""The cache clients of an application in step gear, redis-py and pymemcache: each call is timed and
reported.

They are what a learner's own code would use. The load has leaner ones (labs.load.clients).
"""

from __future__ import annotations

import contextlib
import select
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import pymemcache
import redis
from pymemcache.exceptions import MemcacheError
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs.caching.cache import Cache, CacheDown
from labs.caching.local import CHANNEL, Local
from labs.clients.access import OPEN, Access
from labs.clients.address import Address, straight
from labs.events import Sense
from labs.load.listener import Listener
from labs.printable import visible_line
from labs.shop.shop import OnCommand, Shop

TIMEOUT_S = 0.5


OnFound = Callable[[bytes], Sense]
"""What a value means that a cache had: a hit, or stale."""


def is_a_hit(_value: bytes) -> Sense:
    """Of a value that is not looked into."""
    return "hit"


class Closable(Protocol):
    """A client that holds a connection."""

    def connect(self) -> None:
        """Try to connect now, so that the first command's time is its own; not reported."""

    def close(self) -> None:
        """Give the connection back."""


class ClosableCache(Cache, Closable, Protocol):
    """A cache client that holds a connection."""


class ClosableShop(Shop, Closable, Protocol):
    """A client of the database that holds a connection."""


class _TimedClient:
    """Calls `on_command(command, reply, took_ms, meaning)` for every command."""

    _errors: tuple[type[Exception], ...]

    def __init__(self, on_command: OnCommand) -> None:
        self._on_command = on_command

    def _timed(
        self,
        command: str,
        run: Callable[[], object],
        describe: Callable[[object], tuple[str, Sense]],
    ) -> object:
        began = time.perf_counter()
        try:
            value = run()
        except self._errors as exc:
            took_ms = (time.perf_counter() - began) * 1000
            self._failed()
            self._on_command(command, _reason(exc), took_ms, "error")
            raise CacheDown("The cache did not answer.") from exc
        took_ms = (time.perf_counter() - began) * 1000
        reply, meaning = describe(value)
        self._on_command(command, reply, took_ms, meaning)
        return value

    def _failed(self) -> None:
        """A command had no answer."""


class RedisCache(_TimedClient):
    """A cache over redis-py. Calls `on_lookup` for every lookup in the process's own memory;
    `on_found` says what a value means.
    """

    _errors = (redis.RedisError, OSError)

    def __init__(
        self,
        address: Address,
        access: Access,
        *,
        on_command: OnCommand,
        on_lookup: OnCommand,
        on_found: OnFound = is_a_hit,
    ) -> None:
        super().__init__(on_command)
        self._on_lookup, self._on_found = on_lookup, on_found
        self._listen = partial(Listener, straight(address), access, channel=CHANNEL)
        self._local: Local | None = None
        self._listener: Listener | None = None
        self._redis = redis.Redis(
            host=address.host,
            port=address.port,
            username=access.user or None,
            password=access.password or None,
            protocol=2,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            **_tls(access),
        )

    def connect(self) -> None:
        with contextlib.suppress(redis.RedisError, OSError):
            pool = self._redis.connection_pool
            pool.release(pool.get_connection())

    def get(self, key: str) -> bytes | None:
        value = self._timed(
            f"GET {key}",
            lambda: self._redis.get(key),
            lambda v: ("(nil)", "miss") if v is None else (_quote(v), self._on_found(_bytes(v))),
        )
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: str, ttl_s: float) -> None:
        seconds, whole = int(ttl_s), float(ttl_s).is_integer()
        shown = (f" EX {seconds}" if whole else f" PX {int(ttl_s * 1000)}") if ttl_s else ""
        self._timed(
            f"SET {key} {_quote(value.encode())}{shown}",
            lambda: self._redis.set(
                key,
                value,
                ex=seconds if shown and whole else None,
                px=None if whole else int(ttl_s * 1000),
            ),
            lambda _: ("OK", "write"),
        )

    def delete(self, key: str) -> None:
        self._timed(
            f"DEL {key}", lambda: self._redis.delete(key), lambda n: (f"(integer) {n}", "write")
        )

    def incr(self, key: str) -> int:
        number = self._timed(
            f"INCR {key}", lambda: self._redis.incr(key), lambda n: (f"(integer) {n}", "write")
        )
        assert isinstance(number, int)
        return number

    def publish(self, channel: str, message: str) -> None:
        self._timed(
            f"PUBLISH {channel} {message}",
            lambda: self._redis.publish(channel, message),
            lambda n: (f"(integer) {n}", "write"),
        )

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        shown = [_quote(" ".join(script.split()).encode(), 600), str(len(keys)), *keys]
        shown += [_quote(str(arg).encode()) for arg in args]
        return self._timed(
            f"EVAL {' '.join(shown)}",
            lambda: self._redis.eval(script, len(keys), *keys, *args),
            _described_by_script,
        )

    @property
    def local(self) -> Local:
        if self._local is None:
            self._local = Local(self._looked)
            self._listener = self._listen(on_message=self._local.forget)
        return self._local

    def _looked(self, key: str, found: bool, took_ms: float) -> None:
        answer = "found" if found else "nothing"
        self._on_lookup(f"own memory: {key}", answer, took_ms, "hit" if found else "miss")

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._redis.close()


class MemcachedCache(_TimedClient):
    """A cache over pymemcache. Memcached has no users: of `access` it uses TLS alone. `on_found`
    says what a value means.
    """

    _errors = (MemcacheError, OSError)

    def __init__(
        self,
        address: Address,
        access: Access = OPEN,
        *,
        on_command: OnCommand,
        on_found: OnFound = is_a_hit,
    ) -> None:
        super().__init__(on_command)
        self._on_found = on_found
        self.local = Local()
        self._client = pymemcache.Client(
            (address.host, address.port),
            connect_timeout=TIMEOUT_S,
            timeout=TIMEOUT_S,
            no_delay=True,
            default_noreply=False,
            tls_context=access.tls.context() if access.tls else None,
        )

    def connect(self) -> None:
        with contextlib.suppress(MemcacheError, OSError, ValueError):
            if self._client.sock is not None and select.select([self._client.sock], [], [], 0)[0]:
                self._client.close()  # an idle connection that can be read has ended
            if self._client.sock is None:
                self._client._connect()  # pymemcache has no other way to connect before a command

    def get(self, key: str) -> bytes | None:
        value = self._timed(
            f"get {key}",
            lambda: self._client.get(key),
            lambda v: (
                ("END", "miss")
                if v is None
                else (f"VALUE {key} 0 {len(_bytes(v))} …", self._on_found(_bytes(v)))
            ),
        )
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: str, ttl_s: float) -> None:
        seconds = max(1, round(ttl_s)) if ttl_s else 0
        self._timed(
            f"set {key} 0 {seconds} {len(value.encode())}",
            lambda: self._client.set(key, value.encode(), expire=seconds),
            lambda ok: ("STORED", "write") if ok else ("NOT_STORED", "error"),
        )

    def delete(self, key: str) -> None:
        self._timed(
            f"delete {key}",
            lambda: self._client.delete(key),
            lambda gone: ("DELETED" if gone else "NOT_FOUND", "write"),
        )

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        raise CacheDown("Memcached runs no scripts.")

    def incr(self, key: str) -> int:
        # Memcached increments only a key that exists.
        self._timed(
            f"add {key} 0 0 1",
            lambda: self._client.add(key, b"0"),
            lambda added: ("STORED" if added else "NOT_STORED", "write"),
        )
        number = self._timed(
            f"incr {key} 1", lambda: self._client.incr(key, 1), lambda n: (str(n), "write")
        )
        assert isinstance(number, int)
        return number

    def publish(self, channel: str, message: str) -> None:
        raise CacheDown("Memcached has no publish and subscribe.")

    def close(self) -> None:
        self._client.close()

    _failed = close


def _tls(access: Access) -> dict[str, Any]:
    """What redis-py calls the TLS of `access`."""
    tls = access.tls
    if tls is None:
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": tls.authority,
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
        "ssl_check_hostname": tls.verify_host,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
    }


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _described_by_script(value: object) -> tuple[str, Sense]:
    """A script of ours answers 1 for done and 0 for refused."""
    if isinstance(value, bytes):
        return _quote(value), "hit"
    return (
        ("(nil)", "miss") if value is None else (f"(integer) {value}", "write" if value else "none")
    )


def _quote(value: object, most: int = 120) -> str:
    first = _bytes(value)[: 4 * most + 4]  # a letter of UTF-8 has four bytes at most
    data = first.replace(b"\\", rb"\\").replace(b'"', rb"\"")
    text = visible_line(data.decode(errors="backslashreplace"))
    return f'"{text if len(text) <= most else text[:most] + "…"}"'


def _reason(exc: BaseException) -> str:
    text = str(exc).split("\n")[0][:160]
    return text or type(exc).__name__
