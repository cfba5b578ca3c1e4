"""The small cache that a strategy sees. Step mode hands it redis-py or pymemcache, load mode a lean client; both behave alike."""

from __future__ import annotations

from typing import Protocol


class CacheDown(Exception):
    """The cache did not answer: dead, paused, cut off or too slow."""


class Cache(Protocol):
    """Three commands. Each raises CacheDown when the cache does not answer in time."""

    def get(self, key: str) -> bytes | None:
        """What is stored, or None."""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store it for so many seconds."""

    def delete(self, key: str) -> None:
        """Forget it; no harm if it was not there."""
