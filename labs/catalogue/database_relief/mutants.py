"""Mistakes that the checks of the lab must catch."""

from __future__ import annotations

from labs.catalogue.database_relief import checks
from labs.setups.shop import mutants
from labs.setups.shop.mutants import mistake
from labs.setups.shop.strategies import CACHE_ASIDE

MUTANTS = (
    mistake(checks.relief, CACHE_ASIDE, read=mutants.read_never_stores),
    mistake(checks.relief, CACHE_ASIDE, read=mutants.read_asks_both),
    mistake(checks.server_agrees, CACHE_ASIDE, read=mutants.read_counts_its_own_hits),
)
