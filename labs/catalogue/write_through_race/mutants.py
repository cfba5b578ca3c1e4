"""Strategies that are wrong on purpose: the lab's mutants, each of which a check must catch."""

from __future__ import annotations

import json

from labs.caching import compare_and_set, lease
from labs.caching.cache import Cache
from labs.setups.shop.mutants import read_falls_with_the_cache
from labs.shop.shop import Shop

STORE_ANYHOW = compare_and_set.STORE_IF_NEWER.replace(">= tonumber(ARGV[1])", ">= 1e9")
STORE_WITHOUT_LEASE = lease.STORE_IF_LEASED.replace("~= ARGV[1]", "== 'nobody'")

Answer = dict[str, object]


def read_compares_nothing(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Stores by a script that compares with what is never there."""
    key = f"{shop.what}:{item}"
    found = cache.get(key)
    if found is not None:
        return dict(json.loads(found))
    answer = shop.read(item)
    cache.run(STORE_ANYHOW, [key], str(answer["version"]), json.dumps(answer), int(ttl_s * 1000))
    return answer


def write_compares_nothing(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    """Stores by a script that compares with what is never there."""
    answer = shop.change_price_returning(item, price)
    cache.run(
        STORE_ANYHOW,
        [f"{shop.what}:{item}"],
        str(answer["version"]),
        json.dumps(answer),
        int(ttl_s * 1000),
    )
    return answer["version"]


def read_never_checks_its_lease(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Takes a token and stores whether or not it still stands."""
    key = f"{shop.what}:{item}"
    found = cache.get(key)
    if found is not None:
        return dict(json.loads(found))
    cache.set(f"{key}:lease", "a token", 10)
    answer = shop.read(item)
    cache.run(
        STORE_WITHOUT_LEASE, [key, f"{key}:lease"], "a token", json.dumps(answer), int(ttl_s * 1000)
    )
    return answer


def write_revokes_before_the_commit(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    """Takes the token away and deletes, and changes the database only then."""
    cache.delete(f"{shop.what}:{item}:lease")
    cache.delete(f"{shop.what}:{item}")
    return shop.change_price(item, price)


def write_revokes_last(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> object:
    """Deletes the answer first and the token after it."""
    version = shop.change_price(item, price)
    cache.delete(f"{shop.what}:{item}")
    cache.delete(f"{shop.what}:{item}:lease")
    return version


def write_to_the_cache_alone(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    """Makes up the next version and stores it; the database gets no query."""
    answer = shop.read(item) | {"price": price}
    version = int(str(answer["version"])) + 1
    cache.set(f"{shop.what}:{item}", json.dumps(answer | {"version": version}), ttl_s)
    return version


def read_and_keep(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Stores without a time to live, whatever is set."""
    return read_falls_with_the_cache(shop, cache, item, 0)
