"""Reads and writes that are wrong on purpose: what labs hand to their checks to see whether they
are caught.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from labs.caching import cache_aside
from labs.caching.cache import Cache, CacheDown
from labs.lab import Check, Mutant, Strategy, about_of
from labs.lab.check import name_of
from labs.shop.shop import Shop

Answer = dict[str, object]
_remembered: dict[str, Answer] = {}


def read_never_stores(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Asks the cache and never stores what it fetched."""
    with suppress(CacheDown):
        found = cache.get(f"{shop.what}:{item}")
        if found is not None:
            return dict(json.loads(found))
    return shop.read(item)


def read_asks_both(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Reads the cache but answers from the database."""
    cache_aside.read(shop, cache, item, ttl_s)
    return shop.read(item)


def read_counts_its_own_hits(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Answers from its own memory and calls that a hit."""
    key = f"{shop.what}:{item}"
    if key not in _remembered:
        _remembered[key] = cache_aside.read(shop, cache, item, ttl_s)
    return _remembered[key]


def read_falls_with_the_cache(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Has no answer when the cache is down."""
    return _read(f"{shop.what}:{item}", shop, cache, item, ttl_s)


def read_ignores_ttl(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Stores for an hour whatever the time to live is set to."""
    return cache_aside.read(shop, cache, item, 3_600)


def write_never_overwrites(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    """Stores an item at its first write and never again."""
    return _write(shop, cache, item, price, ttl_s, where_cached=False)


def write_asks_again(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> object:
    """Asks the database for what it has just written."""
    version = shop.change_price(item, price)
    with suppress(CacheDown):
        cache.set(f"{shop.what}:{item}", json.dumps(shop.read(item)), ttl_s)
    return version


def write_refreshes_only(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> object:
    """Writes to the cache only what is there already."""
    return _write(shop, cache, item, price, ttl_s, where_cached=True)


def read_tags_one_item(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Has a generation for each item, not for its category."""
    generation = int(cache.get(f"generation:item-{item}") or 0)
    return _read(f"{shop.what}:{item}:g{generation}", shop, cache, item, ttl_s)


def write_tags_one_item(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> int:
    """Counts up the item's own generation."""
    version = shop.change_price(item, price)
    cache.incr(f"generation:item-{item}")
    return version


def read_one_name(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Looks at the version, and at the same key whatever it is."""
    with suppress(CacheDown):
        cache.get(f"version:{item}")
    return cache_aside.read(shop, cache, item, ttl_s)


def write_one_name(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> int:
    """Counts the version up, and deletes the one key."""
    version = cache_aside.write(shop, cache, item, price, ttl_s)
    cache.incr(f"version:{item}")
    return version


def read_fills_on_a_miss(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Says that only writes store, and stores at a read."""
    return cache_aside.read(shop, cache, item, ttl_s)


def write_never_deletes(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> int:
    """Says that it deletes on write, and does not."""
    return shop.change_price(item, price)


def write_sends_no_message(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> int:
    """Has a cache in each process and sends none of them a message."""
    return shop.change_price(item, price)


def write_deletes_anyway(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> int:
    """Says that it changes only the database, and deletes on write."""
    return cache_aside.write(shop, cache, item, price, ttl_s)


def mistake(
    caught_by: Check, *strategies: Strategy, name: str = "", **functions: Callable[..., object]
) -> Mutant:
    """The lab with a wrong `read` or `write` in these strategies. It has the function's name, if
    no other `name` is given, and does what the functions' docstrings say.
    """
    described = [function for function in functions.values() if function.__doc__]
    name = name or name_of(described[0]).partition("-")[2]
    instead = {s.name: replace(s, **functions) for s in strategies}  # type: ignore[arg-type]  # read or write
    return Mutant(name, about_of(*described), caught_by, instead)


def _read(key: str, shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    found = cache.get(key)
    if found is not None:
        return dict(json.loads(found))
    answer = shop.read(item)
    cache.set(key, json.dumps(answer), ttl_s)
    return answer


def _write(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float, *, where_cached: bool
) -> object:
    answer, key = shop.change_price_returning(item, price), f"{shop.what}:{item}"
    with suppress(CacheDown):
        if (cache.get(key) is not None) == where_cached:
            cache.set(key, json.dumps(answer), ttl_s)
    return answer["version"]
