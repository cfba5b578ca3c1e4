"""Strategies that are wrong on purpose.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from labs.caching import cache_aside, told_locals
from labs.lab import Mutant, Strategy
from labs.setups.shop import mutants

WRONG = (
    Mutant(
        "tags-one-item",
        "counts up a number of the item’s own and calls it the category’s",
        "tag-takes-all",
        {"tags": Strategy("tags", "Tags", mutants.read_tags_one_item, mutants.write_tags_one_item)},
    ),
    Mutant(
        "ignores-ttl",
        "stores for an hour whatever the time to live is set to",
        "ttl-window",
        {
            "ttl": Strategy(
                "ttl",
                "Time to live alone",
                mutants.read_stores_for_an_hour,
                cache_aside.write_untold,
            )
        },
    ),
    Mutant(
        "never-deletes",
        "says that it deletes on write, and does not",
        "delete-window",
        {
            "delete": Strategy(
                "delete", "Delete on write", cache_aside.read, cache_aside.write_untold
            )
        },
    ),
    Mutant(
        "one-name",
        "counts versions up, and stores every one under the same name",
        "left-behind",
        {
            "versioned": Strategy(
                "versioned", "Versioned keys", mutants.read_one_name, mutants.write_one_name
            )
        },
    ),
    Mutant(
        "tells-nobody",
        "has a cache in each process and tells none of them",
        "told-window",
        {
            "told": Strategy(
                "told", "Caches that are told", told_locals.read, cache_aside.write_untold
            )
        },
    ),
)
