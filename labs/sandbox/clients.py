"""The clients that the application uses in step gear: redis-py and pymemcache, each call timed and told.

What a learner's own code would use. The load has leaner ones (labs.load.clients).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Protocol

import pymemcache
import redis
from pymemcache.exceptions import MemcacheError
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs.caching.cache import Cache, CacheDown
from labs.engines.address import Address
from labs.events import Sense
from labs.shop.shop import Shop

TIMEOUT_S = 0.5

Tell = Callable[[str, str, float, Sense], None]


class ClosableCache(Cache, Protocol):
    """A cache client that holds a connection."""

    def connect(self) -> None:
        """Connect now if it can be done, so that the first command is not charged for it; untold, and no harm if it fails."""

    def close(self) -> None:
        """Give the connection back."""


class ClosableShop(Shop, Protocol):
    """A client of the database that holds a connection."""

    def connect(self) -> None:
        """Connect now if it can be done, so that the first statement is not charged for it; no harm if it fails."""

    def close(self) -> None:
        """Give the connection back."""


class RedisCache:
    """A cache over redis-py. `tell(command, reply, took_ms, meaning)` hears of every call."""

    def __init__(self, address: Address, *, user: str, password: str, tell: Tell) -> None:
        self._tell = tell
        self._redis = redis.Redis(
            host=address.host, port=address.port, username=user, password=password, protocol=2,
            socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0), driver_info=None,
        )

    def connect(self) -> None:
        with contextlib.suppress(redis.RedisError, OSError):
            pool = self._redis.connection_pool
            pool.release(pool.get_connection())

    def get(self, key: str) -> bytes | None:
        value = self._timed(f"GET {key}", lambda: self._redis.get(key), lambda v: ("(nil)", "miss") if v is None else (_quote(v), "hit"))
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: str, ttl_s: float) -> None:
        seconds, whole = int(ttl_s), float(ttl_s).is_integer()
        shown = f"EX {seconds}" if whole else f"PX {int(ttl_s * 1000)}"
        self._timed(
            f"SET {key} {_quote(value.encode())} {shown}",
            lambda: self._redis.set(key, value, ex=seconds if whole else None, px=None if whole else int(ttl_s * 1000)), lambda _: ("OK", "write"),
        )

    def delete(self, key: str) -> None:
        self._timed(f"DEL {key}", lambda: self._redis.delete(key), lambda n: (f"(integer) {n}", "write"))

    def close(self) -> None:
        self._redis.close()

    def _timed(self, command: str, run: Callable[[], object], told: Callable[[object], tuple[str, Sense]]) -> object:
        began = time.perf_counter()
        try:
            value = run()
        except (redis.RedisError, OSError) as exc:
            self._tell(command, _reason(exc), (time.perf_counter() - began) * 1000, "error")
            raise CacheDown("The cache did not answer.") from exc
        took_ms = (time.perf_counter() - began) * 1000
        reply, meaning = told(value)
        self._tell(command, reply, took_ms, meaning)
        return value


class MemcachedCache:
    """A cache over pymemcache."""

    def __init__(self, address: Address, *, tell: Tell) -> None:
        self._tell = tell
        self._client = pymemcache.Client((address.host, address.port), connect_timeout=TIMEOUT_S, timeout=TIMEOUT_S, no_delay=True, default_noreply=False)

    def connect(self) -> None:
        with contextlib.suppress(MemcacheError, OSError):
            if self._client.sock is None:
                self._client._connect()  # pymemcache has no other way to connect before a command

    def get(self, key: str) -> bytes | None:
        value = self._timed(f"get {key}", lambda: self._client.get(key), lambda v: ("END", "miss") if v is None else (f"VALUE {key} 0 {len(_bytes(v))} …", "hit"))
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: str, ttl_s: float) -> None:
        seconds = max(1, round(ttl_s))
        self._timed(f"set {key} 0 {seconds} {len(value.encode())}", lambda: self._client.set(key, value.encode(), expire=seconds), lambda ok: ("STORED", "write") if ok else ("NOT_STORED", "error"))

    def delete(self, key: str) -> None:
        self._timed(f"delete {key}", lambda: self._client.delete(key), lambda gone: ("DELETED" if gone else "NOT_FOUND", "write"))

    def close(self) -> None:
        self._client.close()

    def _timed(self, command: str, run: Callable[[], object], told: Callable[[object], tuple[str, Sense]]) -> object:
        began = time.perf_counter()
        try:
            value = run()
        except (MemcacheError, OSError) as exc:
            self._client.close()
            self._tell(command, _reason(exc), (time.perf_counter() - began) * 1000, "error")
            raise CacheDown("The cache did not answer.") from exc
        took_ms = (time.perf_counter() - began) * 1000
        reply, meaning = told(value)
        self._tell(command, reply, took_ms, meaning)
        return value


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _quote(value: object) -> str:
    text = _bytes(value).decode(errors="replace")
    short = text if len(text) <= 120 else text[:120] + "…"
    return '"' + short.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _reason(exc: BaseException) -> str:
    text = str(exc).split("\n")[0][:160]
    return text or type(exc).__name__
