"""The shop's two servers, asked by their own counters. A server that is down counts as zero."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from labs.engines.base import CacheEngine, DatabaseEngine
from labs.errors import ServerDown
from labs.sandbox.context import Context
from labs.shop.versions import version_of

CACHE, DATABASE = "cache", "database"


@dataclass(frozen=True, slots=True)
class Counters:
    """The servers' own counters at one moment."""

    hits: int = 0
    misses: int = 0
    queries: int = 0


def read_counters(context: Context) -> Counters:
    """Hits, misses and queries as the servers count them, now."""
    hits = misses = queries = 0
    with contextlib.suppress(ServerDown):
        cache = cache_if_up(context)
        hits, misses = cache.hits(), cache.misses()
    with contextlib.suppress(ServerDown):
        queries = _database_if_up(context).queries()
    return Counters(hits, misses, queries)


def committed_version(context: Context, what: str, item: int) -> int | None:
    """The version that the database has committed; None if the database does not answer."""
    try:
        return version_of(_database_if_up(context), what, item)
    except ServerDown:
        return None


def cache_engine(context: Context) -> str:
    """The kind of the cache's engine now: redis or memcached."""
    return context.servers[CACHE].engine.kind


def cache_if_up(context: Context) -> CacheEngine:
    """The cache's engine. ServerDown if it is not up."""
    cache = context.servers[CACHE]
    if cache.state != "up" or not isinstance(cache.engine, CacheEngine):
        raise ServerDown("The cache is not up.")
    return cache.engine


def _database_if_up(context: Context) -> DatabaseEngine:
    database = context.servers[DATABASE]
    if database.state != "up" or not isinstance(database.engine, DatabaseEngine):
        raise ServerDown("The database is not up.")
    return database.engine
