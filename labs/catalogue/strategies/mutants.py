"""Mistakes that the checks of the lab must catch."""

from __future__ import annotations

from labs.catalogue.strategies import checks
from labs.catalogue.strategies.comparison import STRATEGIES
from labs.setups.shop import mutants
from labs.setups.shop.mutants import mistake

MUTANTS = (
    mistake(checks.ttl_bounds, STRATEGIES["lazy-ttl"], read=mutants.read_ignores_ttl),
    mistake(
        checks.no_cache_asks_most, STRATEGIES["no-cache"], read=mutants.read_counts_its_own_hits
    ),
    mistake(
        checks.write_through_fresh,
        STRATEGIES["write-through"],
        write=mutants.write_never_overwrites,
    ),
    mistake(checks.lazy_is_staler, STRATEGIES["lazy"], write=mutants.write_deletes_anyway),
)
