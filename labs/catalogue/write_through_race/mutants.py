"""What the checks of the lab write-through-race must catch: strategies with a mistake in them."""

from __future__ import annotations

import json
from typing import Any

from labs.caching import compare_and_set, lease
from labs.caching.cache import Cache
from labs.catalogue.write_through_race import checks
from labs.catalogue.write_through_race.strategies import (
    COMPARE_AND_SET,
    LEASE,
    STRATEGIES,
    TTL_ALONE,
    WRITE_THROUGH,
)
from labs.setups.shop.mutants import (
    Answer,
    mistake,
    read_falls_with_the_cache,
    read_never_stores,
)
from labs.shop.shop import Shop


class Lenient:
    """A cache in which no script refuses to store: neither what is old, nor what has no lease."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        """Run the script with conditions that never hold."""
        script = script.replace(">= tonumber(ARGV[1])", ">= 1e9").replace("~= ARGV[1]", "== 'none'")
        return self._cache.run(script, keys, *args)


def read_compares_nothing(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Stores by a script that refuses nothing."""
    return dict(compare_and_set.read(shop, Lenient(cache), item, ttl_s))


def write_compares_nothing(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    return compare_and_set.write(shop, Lenient(cache), item, price, ttl_s)


def read_never_checks_its_lease(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Takes a token and stores whether or not it still stands."""
    return dict(lease.read(shop, Lenient(cache), item, ttl_s))


def write_revokes_before_the_commit(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    """Takes the token away and deletes before the commit."""
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
    """Stores the new price and never asks the database to change it."""
    answer = shop.read(item) | {"price": price}
    version = int(str(answer["version"])) + 1
    cache.set(f"{shop.what}:{item}", json.dumps(answer | {"version": version}), ttl_s)
    return version


def read_and_keep(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    """Stores without a time to live, whatever is set."""
    return read_falls_with_the_cache(shop, cache, item, 0)


MUTANTS = (
    mistake(
        checks.compare_and_set_survives,
        STRATEGIES[COMPARE_AND_SET],
        read=read_compares_nothing,
        write=write_compares_nothing,
    ),
    mistake(
        checks.lease_survives,
        STRATEGIES[LEASE],
        name="lease-never-checked",
        read=read_never_checks_its_lease,
    ),
    mistake(checks.lease_survives, STRATEGIES[LEASE], write=write_revokes_before_the_commit),
    mistake(checks.lease_survives, STRATEGIES[LEASE], write=write_revokes_last),
    mistake(
        checks.write_through_stale,
        STRATEGIES[WRITE_THROUGH],
        name="writes-to-the-cache-alone",
        read=read_never_stores,
        write=write_to_the_cache_alone,
    ),
    mistake(checks.ttl_bounds, STRATEGIES[TTL_ALONE], name="keeps-for-ever", read=read_and_keep),
)
