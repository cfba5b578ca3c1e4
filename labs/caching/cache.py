"""The small cache that a strategy sees.

Step mode hands it redis-py or pymemcache, load mode a lean client; both behave alike.
"""

from __future__ import annotations

from typing import Protocol

from labs.caching.local import Local


class CacheDown(Exception):
    """The cache did not answer: dead, paused, cut off or too slow."""


class Cache(Protocol):
    """A few commands. Each raises CacheDown when the cache does not answer in time."""

    def get(self, key: str) -> bytes | None:
        """What is stored, or None."""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store it for this many seconds; 0: until it is evicted."""

    def delete(self, key: str) -> None:
        """Forget it; no harm if it was not there."""

    def incr(self, key: str) -> int:
        """Count a number up, from 0 if there is none; returns it."""

    def publish(self, channel: str, message: str) -> None:
        """Send it to the subscribers of this moment; it is not kept. Memcached can't: CacheDown."""

    @property
    def local(self) -> Local:
        """This process's own memory, which forgets the keys that it hears of on the channel
        `changed`.
        """

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        """What a Lua script answers; nothing else happens in the cache while it runs.

        Redis alone.
        """
