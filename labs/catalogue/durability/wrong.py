"""Servers that are not set as the page says, and a client that counts too soon.

Each must be caught at the check that is meant to catch it.
"""

from __future__ import annotations

from labs.caching import numbered
from labs.lab import Mutant, Strategy
from labs.setups.journal import mutants

WRONG = (
    Mutant(
        "aof-off",
        "the page says AOF, the server appends to nothing",
        "crash-keeps",
        directives={"appendonly": "no"},
    ),
    Mutant(
        "always-is-no",
        "the page says always, the server leaves syncing to the kernel",
        "always-keeps",
        directives={"appendfsync": "no"},
    ),
    Mutant(
        "never-saves",
        "the page says snapshots, the server takes none",
        "snapshot-only",
        directives={"save": '""'},
    ),
    Mutant(
        "counts-too-soon",
        "counts a write when it is sent, not when it is answered",
        "always-keeps",
        {
            "numbered": Strategy(
                "numbered", "Numbered writes", numbered.find, mutants.write_counts_too_soon
            )
        },
    ),
)
