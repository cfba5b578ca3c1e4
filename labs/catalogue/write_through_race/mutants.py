"""What the checks of the lab write-through-race must catch: strategies with a mistake in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
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
from labs.lab import Mutant, Strategy
from labs.setups.shop.mutants import Answer, read_falls_with_the_cache, read_never_stores
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
    return dict(compare_and_set.read(shop, Lenient(cache), item, ttl_s))


def write_compares_nothing(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    return compare_and_set.write(shop, Lenient(cache), item, price, ttl_s)


def read_never_checks_its_lease(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    return dict(lease.read(shop, Lenient(cache), item, ttl_s))


def write_revokes_before_the_commit(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    cache.delete(f"{shop.what}:{item}:lease")
    cache.delete(f"{shop.what}:{item}")
    return shop.change_price(item, price)


def write_revokes_last(shop: Shop, cache: Cache, item: int, price: float, ttl_s: float) -> object:
    version = shop.change_price(item, price)
    cache.delete(f"{shop.what}:{item}")
    cache.delete(f"{shop.what}:{item}:lease")
    return version


def write_to_the_cache_alone(
    shop: Shop, cache: Cache, item: int, price: float, ttl_s: float
) -> object:
    answer = shop.read(item) | {"price": price}
    version = int(str(answer["version"])) + 1
    cache.set(f"{shop.what}:{item}", json.dumps(answer | {"version": version}), ttl_s)
    return version


def read_and_keep(shop: Shop, cache: Cache, item: int, ttl_s: float) -> Answer:
    return read_falls_with_the_cache(shop, cache, item, 0)


def _instead(name: str, **functions: Callable[..., object]) -> dict[str, Strategy]:
    """A strategy of the lab with another `read` or `write`."""
    return {name: replace(STRATEGIES[name], **functions)}  # type: ignore[arg-type]  # read or write


MUTANTS = (
    Mutant(
        "compares-nothing",
        "a compare-and-set whose script refuses nothing",
        checks.compare_and_set_survives,
        _instead(COMPARE_AND_SET, read=read_compares_nothing, write=write_compares_nothing),
    ),
    Mutant(
        "lease-never-checked",
        "takes a token and stores whether or not it stands",
        checks.lease_survives,
        _instead(LEASE, read=read_never_checks_its_lease),
    ),
    Mutant(
        "revokes-before-the-commit",
        "takes the token away and deletes before the commit",
        checks.lease_survives,
        _instead(LEASE, write=write_revokes_before_the_commit),
    ),
    Mutant(
        "revokes-last",
        "deletes the answer first and the token after it",
        checks.lease_survives,
        _instead(LEASE, write=write_revokes_last),
    ),
    Mutant(
        "writes-to-the-cache-alone",
        "stores the new price and never asks the database",
        checks.write_through_stale,
        _instead(WRITE_THROUGH, read=read_never_stores, write=write_to_the_cache_alone),
    ),
    Mutant(
        "keeps-for-ever",
        "stores without a time to live whatever is set",
        checks.ttl_bounds,
        _instead(TTL_ALONE, read=read_and_keep),
    ),
)
