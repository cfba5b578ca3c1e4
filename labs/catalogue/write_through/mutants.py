"""Mistakes that the checks of the lab must catch."""

from __future__ import annotations

from labs.caching import cache_aside
from labs.catalogue.write_through import checks
from labs.setups.shop import mutants
from labs.setups.shop.mutants import mistake
from labs.setups.shop.strategies import WRITE_THROUGH, WRITE_THROUGH_FILL

MUTANTS = (
    mistake(checks.never_stale, WRITE_THROUGH_FILL, write=mutants.write_never_overwrites),
    mistake(checks.two_trips, WRITE_THROUGH, write=mutants.write_asks_again),
    mistake(checks.new_node_empty, WRITE_THROUGH, read=mutants.read_fills_on_a_miss),
    mistake(
        checks.unread_keys, WRITE_THROUGH, read=cache_aside.read, write=mutants.write_refreshes_only
    ),
)
