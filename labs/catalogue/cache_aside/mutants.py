"""Mistakes that the checks of the lab must catch."""

from __future__ import annotations

from labs.catalogue.cache_aside import checks
from labs.setups.shop import mutants
from labs.setups.shop.mutants import mistake
from labs.setups.shop.strategies import DELETE_ON_WRITE, NOT_INVALIDATED

MUTANTS = (
    mistake(checks.second_read_hits, DELETE_ON_WRITE, read=mutants.read_never_stores),
    mistake(checks.second_read_hits, DELETE_ON_WRITE, read=mutants.read_asks_both),
    mistake(checks.second_read_hits, DELETE_ON_WRITE, read=mutants.read_counts_its_own_hits),
    mistake(checks.stale_until_ttl, NOT_INVALIDATED, read=mutants.read_ignores_ttl),
    mistake(checks.delete_on_write, DELETE_ON_WRITE, write=mutants.write_never_deletes),
    mistake(checks.dead_cache_answers, DELETE_ON_WRITE, read=mutants.read_falls_with_the_cache),
)
