"""What must be seen in the lab write-through-race: judged by what the cache held and the database
had committed after schedules that were really played.
"""

from __future__ import annotations

from labs.catalogue.write_through_race.strategies import (
    CACHE_ASIDE,
    COMPARE_AND_SET,
    LEASE,
    STRATEGIES,
    TTL_ALONE,
    WRITE_THROUGH,
)
from labs.events import Value
from labs.lab import Verdict, check, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving.bench import races
from labs.setups.interleaving.played import Played
from labs.setups.interleaving.race import RACES
from labs.setups.interleaving.survey import Survey

PAIRS = ("reader-writer", "two-writers")


@check("Some order of write-through leaves a stale value in the cache")
def write_through_stale(sandbox: Sandbox) -> Verdict:
    return _stale(
        sandbox,
        WRITE_THROUGH,
        f"Set “Strategy” to “{STRATEGIES[WRITE_THROUGH].label}” and press “Run all orders”: the "
        "list shows the orders that end stale.",
    )


@check("Some order of cache-aside leaves a stale value in the cache")
def cache_aside_stale(sandbox: Sandbox) -> Verdict:
    return _stale(
        sandbox,
        CACHE_ASIDE,
        f"Set “Strategy” to “{STRATEGIES[CACHE_ASIDE].label}” and “Who races” to “a reader and a "
        "writer”. Then press “Run all orders”.",
    )


@check("An order that a row lock forbids is recognised as impossible")
def lock_recognised(sandbox: Sandbox) -> Verdict:
    for race, played in _all(sandbox):
        if (blocked := played.blocked) is None:
            continue
        evidence: dict[str, Value] = {
            "order": played.schedule,
            "race": race,
            "waiting_process": blocked.pid,
            "pg_blocking_pids": blocked.by_pid,
        }
        return met(
            f"In the order {played.schedule} worker {blocked.letter} waits for a row that worker "
            f"{blocked.by} has changed and not committed.",
            evidence,
        )
    raise unmet(
        "No order that a row lock forbids has been run yet.",
        hint="Two writers lock the same row. Set “Who races” to “two writers” and press “Run all "
        "orders”.",
    )


@check("Compare-and-set on both sides survives every order of both pairs")
def compare_and_set_survives(sandbox: Sandbox) -> Verdict:
    return _survives(sandbox, COMPARE_AND_SET)


@check("A lease survives every order of both pairs")
def lease_survives(sandbox: Sandbox) -> Verdict:
    return _survives(sandbox, LEASE)


@check("With a time to live alone, what is stale has an end")
def ttl_bounds(sandbox: Sandbox) -> Verdict:
    found = require_seen(
        [one for one in _surveys(sandbox, TTL_ALONE) if one.ttl_s and one.stale],
        "No order with a TTL alone has ended stale yet.",
        hint=f"Set “Strategy” to “{STRATEGIES[TTL_ALONE].label}”, “Time to live” to “5 s”, and "
        "“Who races” to “a reader and a writer”. Then press “Run all orders”.",
    )
    stale = [played for survey in found for played in survey.stale]
    schedules = sum(survey.schedules for survey in found)
    ttl_s = max(survey.ttl_s for survey in found)
    longest_ms = max(survey.longest_ms for survey in found)
    endless = sum(played.left_ms is None for played in stale)
    evidence: dict[str, Value] = {
        "stale_orders": len(stale),
        "orders": schedules,
        "time_to_live_ms": ttl_s * 1000,
        "longest_pttl_ms": longest_ms,
        "without_end": endless,
    }
    if endless or longest_ms > ttl_s * 1000:
        raise unmet(
            "The cache keeps a stale value for longer than the TTL that was set.",
            evidence,
            hint="Set “Time to live” to “5 s” and press “Run all orders” again: with “none” a "
            "stale value has no end.",
        )
    return met(
        f"{len(stale)} of {schedules} orders ended stale. The cache keeps none of these values for "
        f"longer than {ttl_s:g} s.",
        evidence,
    )


def _surveys(sandbox: Sandbox, strategy: str) -> list[Survey]:
    return [survey for survey in races(sandbox).surveys() if survey.strategy == strategy]


def _stale(sandbox: Sandbox, strategy: str, hint: str) -> Verdict:
    seen = _surveys(sandbox, strategy)
    orders = sum(survey.schedules for survey in seen)
    found = [
        (one.race, one.played)
        for one in races(sandbox).plays()
        if one.strategy == strategy and one.played.outcome == "stale"
    ]
    found += [(survey.race, played) for survey in seen for played in survey.stale]
    if found:
        race, played = found[0]
        evidence: dict[str, Value] = {
            "order": played.schedule,
            "race": race,
            "cached_version": played.cached or 0,
            "committed_version": played.committed,
            "pttl_ms": -1 if played.left_ms is None else played.left_ms,
            "stale_orders": sum(len(survey.stale) for survey in seen),
            "orders": orders,
        }
        return met(
            f"The order {played.schedule} left version {played.cached} in the cache, but the "
            f"database has committed version {played.committed}.",
            evidence,
        )
    require_seen(seen, f"No order of “{STRATEGIES[strategy].label}” has been run yet.", hint=hint)
    raise unmet(
        f"None of {orders} orders of this strategy ended stale.",
        {"orders": orders, "stale_orders": 0},
        hint="Set “Who races” to “a reader and a writer” and “Cache at the start” to “empty”, then "
        "press “Run all orders”.",
    )


def _survives(sandbox: Sandbox, strategy: str) -> Verdict:
    seen = [survey for survey in _surveys(sandbox, strategy) if survey.race in PAIRS]
    evidence: dict[str, Value] = {}
    for race in PAIRS:
        runs, short = [survey for survey in seen if survey.race == race], race.replace("-", "_")
        if runs:
            evidence[f"{short}_orders"] = sum(survey.schedules for survey in runs)
            for outcome in ("stale", "impossible"):
                evidence[f"{short}_{outcome}"] = sum(one.outcomes[outcome] for one in runs)
    for survey in seen:
        for played in survey.stale:
            raise unmet(
                f"With {RACES[survey.race][0]}, the order {played.schedule} left version "
                f"{played.cached} in the cache, but version {played.committed} is committed.",
                evidence,
                hint=f"Type {played.schedule} into “Order, in letters”, press “Play this order”, "
                "and look at the step that stored the old version.",
            )
    raced = {survey.race for survey in seen}
    missing = [RACES[race][0] for race in PAIRS if race not in raced]
    if missing:
        raise unmet(
            f"Not every order of {' and of '.join(missing)} has been run with this strategy yet.",
            evidence,
            hint=f"Set “Strategy” to “{STRATEGIES[strategy].label}” and “Who races” to "
            f"“{missing[0]}”. Then press “Run all orders”.",
        )
    if not all(survey.outcomes["fresh"] or survey.outcomes["empty"] for survey in seen):
        raise unmet(
            "Every order is one that a row lock forbids.",
            evidence,
            hint="Press “Run all orders” again. If it stays so, press “Start afresh”.",
        )
    return met(
        f"None of {sum(survey.schedules for survey in seen)} orders ended stale: neither of a "
        "reader and a writer, nor of two writers.",
        evidence,
    )


def _all(sandbox: Sandbox) -> list[tuple[str, Played]]:
    """Every schedule that was played, with its race."""
    single = [(one.race, one.played) for one in races(sandbox).plays()]
    return single + [
        (survey.race, played) for survey in races(sandbox).surveys() for played in survey.played
    ]
