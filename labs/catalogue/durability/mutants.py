"""Mistakes that the checks of the lab durability must catch."""

from __future__ import annotations

from labs.caching import numbered
from labs.catalogue.durability import checks
from labs.lab import Mutant, Strategy
from labs.setups.journal.mutants import write_counts_too_soon

COUNTS_TOO_SOON = Strategy("numbered", "Numbered writes", numbered.find, write_counts_too_soon)

MUTANTS = (
    Mutant(
        "aof-off",
        "the page says AOF, the server appends to nothing",
        checks.crash_keeps,
        directives={"appendonly": "no"},
    ),
    Mutant(
        "always-is-no",
        "the page says always, the server leaves syncing to the kernel",
        checks.always_keeps,
        directives={"appendfsync": "no"},
    ),
    Mutant(
        "never-saves",
        "the page says snapshots, the server takes none",
        checks.snapshot_only,
        directives={"save": '""'},
    ),
    Mutant(
        "counts-too-soon",
        "counts a write when it is sent, not when it is answered",
        checks.always_keeps,
        strategies={"numbered": COUNTS_TOO_SOON},
    ),
)
