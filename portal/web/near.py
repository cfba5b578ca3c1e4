"""Client-side caching: what the portal Redis answered, kept in this process until Redis says that
it changed (CLIENT TRACKING in broadcast mode, RESP3).

A round trip to a server that has gone to sleep costs more than a whole page; looking whether it has
sent something costs a system call. Redis-py's own client-side caching asks for Redis 7.4 and TCP;
this one for Redis 6. Nothing here may break a page: without a connection every question is asked.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

ROOM = 10_000
PAUSE_S = 2.0
LIFE_S = 30.0
"""What is kept no longer than this, should a change not have been told: as long as it would have
stayed in Redis.
"""


class Near:
    """Values of keys that begin with `prefix`.

    Threads may share it. The Redis client speaks RESP3, in text mode, with short timeouts.
    """

    def __init__(
        self, redis: Redis, prefix: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._changes = 0
        self._connection: Any = None
        self._away_until = 0.0

    def get(
        self, key: str, ask: Callable[[], str | None], *, worth: Callable[[str], bool]
    ) -> str | None:
        """What is kept of this key, else what `ask` says, which is kept if it is worth it and
        nothing changed while it was asked. Raises what `ask` raises.
        """
        with self._lock:
            listening, changes = self._hear(), self._changes
            until, value = self._kept.get(key, (0.0, ""))
            if listening and self._clock() < until:
                return value
        answer = ask()
        if listening and answer is not None and worth(answer):
            with self._lock:
                if self._hear() and self._changes == changes:
                    self._kept[key] = (self._clock() + LIFE_S, answer)
                    if len(self._kept) > ROOM:
                        self._kept.popitem(last=False)
        return answer

    def _hear(self) -> bool:
        """Take in what Redis has said since; False if nobody listens."""
        try:
            if self._connection is None and not self._listen():
                return False
            while self._connection.can_read():
                self._connection.read_response(push_request=True)
        except RedisError:
            self._kept.clear()
            self._connection.disconnect()
            self._connection = None
            self._away_until = self._clock() + PAUSE_S
            return False
        return True

    def _listen(self) -> bool:
        if self._clock() < self._away_until:
            return False
        self._connection = self._redis.connection_pool.make_connection()
        self._connection.connect()
        # As redis-py's own caching does: there is no other way to be told.
        self._connection._get_parser().set_invalidation_push_handler(self._changed)
        self._connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix)
        self._connection.read_response()
        return True

    def _changed(self, message: list[Any]) -> None:
        """`[invalidate, keys]`; no keys at all mean that everything is gone."""
        self._changes += 1
        for key in message[1] or list(self._kept):
            self._kept.pop(key, None)
