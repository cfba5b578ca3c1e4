"""A cache that nothing depends on: cache-aside over the portal Redis, as lesson 3 teaches it. Look,
else ask the database, then store, with a time to live.

It never breaks a page: a cache that is away, slow or full of nonsense is the same as an empty one.
After a failure it isn't asked for two seconds, so that a hanging Redis costs one short wait and not
one per page.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

PREFIX = "cache:"
PAUSE_S = 2.0
LEASE, LEASE_S = "lease ", 10
STORE = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], "
    "'ex', ARGV[3]) end"
)

log = logging.getLogger(__name__)


class Cache:
    """JSON values by name; threads may share it. The Redis client has short timeouts."""

    def __init__(self, redis: Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._away_until = 0.0

    def get(self, name: str, load: Callable[[], Any], *, ttl_s: int) -> Any:
        """The value of this name: from the cache, else from `load`, then kept for `ttl_s` seconds.

        A miss leaves a lease before it loads, and stores only if that still stands: what was read
        before a `forget` is not stored after it.
        """
        key, lease = PREFIX + name, LEASE + secrets.token_hex(8)
        found = self._try(lambda: self._redis.get(key))
        if found is not None and not found.startswith(LEASE):
            try:
                return json.loads(found)
            except ValueError:
                log.warning("nonsense in the cache at %s", name.partition(":")[0])
                self.forget(name)
        mine = self._try(lambda: self._redis.set(key, lease, nx=True, ex=LEASE_S))
        value = load()
        if mine:
            self._try(lambda: self._redis.eval(STORE, 1, key, lease, json.dumps(value), ttl_s))
        return value

    def forget(self, *names: str) -> None:
        """Delete these names, after the commit that made them old; else their TTL ends them."""
        if names:
            self._try(lambda: self._redis.delete(*(PREFIX + name for name in names)))

    def _try(self, call: Callable[[], Any]) -> Any:
        if self._clock() < self._away_until:
            return None
        try:
            return call()
        except (RedisError, UnicodeDecodeError) as exc:
            self._away_until = self._clock() + PAUSE_S
            log.warning("the portal's cache is away: %s", type(exc).__name__)
            return None


def summary_name(learner: str) -> str:
    """The name under which a learner's progress over all lessons is kept."""
    return f"history:{learner}"
