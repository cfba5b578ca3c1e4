"""The way through the lab write-through-race."""

from labs.catalogue.write_through_race import checks
from labs.catalogue.write_through_race.strategies import (
    CACHE_ASIDE,
    COMPARE_AND_SET,
    LEASE,
    TTL_ALONE,
)
from labs.lab import Check, Step, Verdict, check, met, unmet
from labs.lab.guide import choose, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving.bench import races
from labs.setups.interleaving.race import RACES

RUN_ALL = press("run-all")


def all_orders_ran(strategy: str, race: str) -> Check:
    """Only the guide asks: the check needs both pairs of workers, the step one."""

    @check(f"Every order of {RACES[race][0]} has been run")
    def all_ran(sandbox: Sandbox) -> Verdict:
        surveys = races(sandbox).surveys()
        if not any(found.strategy == strategy and found.race == race for found in surveys):
            raise unmet("Not every order was run.")
        return met("Every order was run.", {})

    return all_ran


GUIDE = (
    Step(
        "Play an order in which the reader is first.",
        press("play", order="AAABBB"),
        "The reader stored the old price, and then the writer replaced it: the cache is fresh.",
        how="A is the reader, B the writer; each letter is one step.",
    ),
    Step(
        "Let the reader store last.",
        press("play", order="AABBBA"),
        "The reader stored the price that it had read before the commit: the cache is stale.",
        until=checks.write_through_stale,
        how="You can also drag its last step to the end.",
    ),
    Step(
        "Let the writer delete instead: choose cache-aside.",
        choose("strategy", CACHE_ASIDE),
        "The writer now deletes the cached item after its commit.",
    ),
    Step(
        "Play the same order again.",
        press("play", order="AABBBA"),
        "The writer deleted the item before the reader stored the old price: stale again.",
        until=checks.cache_aside_stale,
    ),
    Step(
        "Choose a time to live alone.",
        choose("strategy", TTL_ALONE),
        "The writer now leaves the cache alone, and what is stored expires.",
    ),
    Step(
        "Run all orders of this race.",
        RUN_ALL,
        "Many orders ended stale, but none for longer than the time to live.",
        until=checks.ttl_bounds,
        how="“Who races” must be “a reader and a writer”.",
    ),
    Step(
        "Let two writers race.",
        choose("race", "two-writers"),
        "Both writers change the price of the same item.",
    ),
    Step(
        "Let both write before one commits.",
        press("play", order="ABAB"),
        "The second writer waited for the lock on the row, so this order is impossible.",
        until=checks.lock_recognised,
    ),
    Step(
        "Choose the strategy that compares versions.",
        choose("strategy", COMPARE_AND_SET),
        "The cache now refuses to store a version that is older than its own.",
    ),
    Step(
        "Run all orders of two writers.",
        RUN_ALL,
        "No order ended stale with two writers.",
        until=all_orders_ran(COMPARE_AND_SET, "two-writers"),
        how="“Who races” must be “two writers”.",
    ),
    Step(
        "Let a reader and a writer race.",
        choose("race", "reader-writer"),
        "The reader may now store an old price after the writer has stored the new one.",
    ),
    Step(
        "Run all orders of this pair.",
        RUN_ALL,
        "The cache refused every old version, so no order ended stale.",
        until=checks.compare_and_set_survives,
    ),
    Step(
        "Choose the strategy with a lease.",
        choose("strategy", LEASE),
        "A miss now gets a token, and a write takes that token away.",
    ),
    Step(
        "Run all orders with the lease.",
        RUN_ALL,
        "A reader whose token was gone stored nothing.",
        until=all_orders_ran(LEASE, "reader-writer"),
        how="“Who races” must be “a reader and a writer”.",
    ),
    Step(
        "Let two writers race once more.",
        choose("race", "two-writers"),
        "The lease must also leave no stale price when two writers race.",
    ),
    Step(
        "Run all orders with two writers.",
        RUN_ALL,
        "No order of either pair ended stale: the lease works, too.",
        until=checks.lease_survives,
    ),
)
