"""The lean clients of the load: the clients of labs.clients, and a record of what each call took.

A strategy sees what it would see of any cache. Each call's time goes to `times`, in whole
microseconds, what it found to `hits` and `misses`, and what it meant to `asked`; the worker empties
them.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from labs.caching.cache import Cache, CacheDown
from labs.caching.local import CHANNEL, Local
from labs.clients.access import OPEN, Access
from labs.clients.address import Way
from labs.clients.memcached import MemcachedClient, MemcachedError
from labs.clients.resp import ReplyError, RespClient, Word
from labs.events import Sense
from labs.load.listener import Listener

TIMEOUT_S = 1.0

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class LeanCache(Cache, Protocol):
    """A lean client: what it timed, what the last calls found, and in `asked` how many commands of
    each meaning its server was sent.
    """

    times: array[int]
    asked: Counter[Sense]
    hits: int
    misses: int

    def close(self) -> None:
        """Close the connection; the next command opens another."""

    def shut(self) -> None:
        """Close all that it holds, for good."""


class _Counting:
    hits = misses = 0

    def __init__(self) -> None:
        self.asked: Counter[Sense] = Counter()

    def _found(self, found: bool) -> None:
        """A lookup in the server."""
        self.hits += found
        self.misses += not found
        self.asked["hit" if found else "miss"] += 1

    def _looked(self, _key: str, found: bool, _took_ms: float) -> None:
        """A lookup in the process's own memory is a hit or a miss like any other."""
        self.hits += found
        self.misses += not found


class LeanRedis(_Counting, RespClient):
    """A cache in Redis."""

    def __init__(self, way: Way, access: Access) -> None:
        _Counting.__init__(self)
        RespClient.__init__(self, way, access, timeout_s=TIMEOUT_S)
        self.times: array[int] = array("Q")
        self._listen = partial(Listener, way, access, channel=CHANNEL)
        self._local: Local | None = None
        self._listener: Listener | None = None

    def get(self, key: str) -> bytes | None:
        value = self._timed("GET", key)
        assert value is None or isinstance(value, bytes)
        self._found(value is not None)
        return value

    def set(self, key: str, value: str, ttl_s: float) -> None:
        if ttl_s:
            self._changed("SET", key, value, "PX", int(ttl_s * 1000))
        else:
            self._changed("SET", key, value)

    def delete(self, key: str) -> None:
        self._changed("DEL", key)

    def incr(self, key: str) -> int:
        number = self._changed("INCR", key)
        assert isinstance(number, int)
        return number

    def publish(self, channel: str, message: str) -> None:
        self._changed("PUBLISH", channel, message)

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        value = self._timed("EVAL", script, len(keys), *keys, *args)
        # A script of ours answers 1 for done and 0 for refused, or what it found.
        meanings: dict[object, Sense] = {None: "miss", 0: "none", 1: "write"}
        self.asked["hit" if isinstance(value, bytes) else meanings.get(value, "none")] += 1
        return value

    @property
    def local(self) -> Local:
        if self._local is None:
            self._local = Local(self._looked)
            self._listener = self._listen(on_message=self._local.forget)
        return self._local

    def shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self.close()

    def _changed(self, *words: Word) -> object:
        answer = self._timed(*words)
        self.asked["write"] += 1
        return answer

    def _timed(self, *words: Word) -> object:
        began = time.perf_counter_ns()
        try:
            answer = self.command(*words)
        except OSError as exc:
            self.asked["error"] += 1
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
        if isinstance(answer, ReplyError):
            self.asked["error"] += 1
            raise CacheDown(str(answer))
        return answer


class LeanMemcached(_Counting):
    """A cache in memcached, which has no users: of `access` it uses TLS alone."""

    def __init__(self, way: Way, access: Access = OPEN) -> None:
        super().__init__()
        self._client = MemcachedClient(way, tls=access.tls, timeout_s=TIMEOUT_S)
        self.times: array[int] = array("Q")
        self.local = Local(self._looked)

    def get(self, key: str) -> bytes | None:
        value = self._timed(self._client.get, key)
        self._found(value is not None)
        return value

    def set(self, key: str, value: str, ttl_s: float) -> None:
        seconds = max(1, round(ttl_s)) if ttl_s else 0
        self._changed(self._client.set, key, value.encode(), seconds)

    def delete(self, key: str) -> None:
        self._changed(self._client.delete, key)

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        raise CacheDown("Memcached runs no scripts.")

    def incr(self, key: str) -> int:
        # Memcached counts only what is there.
        self._changed(self._client.add, key, b"0")
        return self._changed(self._client.incr, key) or 0

    def publish(self, channel: str, message: str) -> None:
        raise CacheDown("Memcached has no publish and subscribe.")

    def close(self) -> None:
        self._client.close()

    def shut(self) -> None:
        self.close()

    def _changed(
        self, ask: Callable[_Asked, _Answer], *args: _Asked.args, **named: _Asked.kwargs
    ) -> _Answer:
        answer = self._timed(ask, *args, **named)
        self.asked["write"] += 1
        return answer

    def _timed(
        self, ask: Callable[_Asked, _Answer], *args: _Asked.args, **named: _Asked.kwargs
    ) -> _Answer:
        began = time.perf_counter_ns()
        try:
            return ask(*args, **named)
        except (OSError, MemcachedError) as exc:
            self.close()
            self.asked["error"] += 1
            raise CacheDown("The cache did not answer.") from exc
        finally:
            self.times.append((time.perf_counter_ns() - began) // 1000)
