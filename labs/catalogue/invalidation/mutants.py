"""Mistakes that the checks of the lab must catch."""

from __future__ import annotations

from labs.catalogue.invalidation import checks
from labs.catalogue.invalidation.windows import WAYS
from labs.setups.shop import mutants
from labs.setups.shop.mutants import mistake

MUTANTS = (
    mistake(
        checks.tag_takes_all,
        WAYS["tags"],
        read=mutants.read_tags_one_item,
        write=mutants.write_tags_one_item,
    ),
    mistake(checks.ttl_window, WAYS["ttl"], read=mutants.read_ignores_ttl),
    mistake(checks.delete_window, WAYS["delete"], write=mutants.write_never_deletes),
    mistake(
        checks.left_behind,
        WAYS["versioned"],
        read=mutants.read_one_name,
        write=mutants.write_one_name,
    ),
    mistake(checks.told_window, WAYS["notified"], write=mutants.write_sends_no_message),
)
