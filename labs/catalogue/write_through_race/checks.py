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
from labs.lab import Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving.bench import races
from labs.setups.interleaving.played import Played
from labs.setups.interleaving.survey import Survey
from labs.setups.interleaving.tables import RACES

PAIRS = ("reader-writer", "two-writers")


@check("Some order of write-through leaves a stale value in the cache")
def write_through_stale(sandbox: Sandbox) -> Verdict:
    """A schedule of write-through left the cache behind the database."""
    return _stale(
        sandbox,
        WRITE_THROUGH,
        "Two things have to happen between somebody’s look at the database and what it stores. "
        "What could another do in between?",
    )


@check("Some order of cache-aside leaves a stale value in the cache")
def cache_aside_stale(sandbox: Sandbox) -> Verdict:
    """A schedule of cache-aside left the cache behind the database."""
    return _stale(
        sandbox,
        CACHE_ASIDE,
        "A writer deletes what is there. What if the old answer is stored only after that?",
    )


@check("An order that a row lock forbids is recognised as impossible")
def lock_recognised(sandbox: Sandbox) -> Verdict:
    """A schedule that a row lock forbids was recognised, and rolled back."""
    for race, played in _all(sandbox):
        if played.blocked is not None:
            blocked = played.blocked
            evidence: dict[str, Value] = {
                "order": played.schedule,
                "race": race,
                "waiting_process": blocked.pid,
                "pg_blocking_pids": blocked.by_pid,
            }
            return met(
                f"In the order {played.schedule}… worker {blocked.letter} waits for the row "
                f"that {blocked.by} has changed and not committed.",
                evidence,
            )
    raise unmet(
        "No order was found impossible yet.",
        hint="Who takes a lock on a row, and keeps it over more than one step? There must be "
        "two of them.",
    )


@check("Compare-and-set on both sides survives every order of both pairs")
def compare_and_set_survives(sandbox: Sandbox) -> Verdict:
    """No schedule of either pair left a stale value with compare-and-set on both sides."""
    return _survives(sandbox, COMPARE_AND_SET)


@check("A lease survives every order of both pairs")
def lease_survives(sandbox: Sandbox) -> Verdict:
    """No schedule of either pair left a stale value with leases."""
    return _survives(sandbox, LEASE)


@check("With a time to live alone, what is stale has an end")
def ttl_bounds(sandbox: Sandbox) -> Verdict:
    """With a time to live alone, values go stale, and every one of them has an end."""
    found = [
        survey
        for survey in races(sandbox).surveys()
        if survey.strategy == TTL_ALONE and survey.ttl_s and survey.stale
    ]
    if not found:
        raise unmet(
            "The time to live alone has left nothing stale yet.",
            hint="Which strategy tells the cache nothing? Run all orders of it, with a time to "
            "live.",
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
            "Something stale stays longer than the time to live that was set.",
            evidence,
            hint="Ask the cache how long it will keep the item.",
        )
    return met(
        f"{len(stale)} of {schedules} orders ended stale, and the cache keeps none of them for "
        f"more than {ttl_s:g} s.",
        evidence,
    )


def _stale(sandbox: Sandbox, strategy: str, hint: str) -> Verdict:
    label = STRATEGIES[strategy].label
    seen = [survey for survey in races(sandbox).surveys() if survey.strategy == strategy]
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
            "orders": sum(survey.schedules for survey in seen),
        }
        return met(
            f"The order {played.schedule} left version {played.cached} in the cache; the "
            f"database has committed version {played.committed}.",
            evidence,
        )
    if seen:
        evidence = {"orders": sum(survey.schedules for survey in seen), "stale_orders": 0}
        raise unmet(
            f"None of {evidence['orders']} orders of this strategy ended stale.",
            evidence,
            hint="Does it really store what it should? Look at the steps of one order. Or let "
            "others race.",
        )
    raise unmet(f"“{label}” has left nothing stale yet.", hint=hint)


def _survives(sandbox: Sandbox, strategy: str) -> Verdict:
    found: dict[str, list[Survey]] = {
        race: [s for s in races(sandbox).surveys() if s.strategy == strategy and s.race == race]
        for race in PAIRS
    }
    missing = [RACES[race][0] for race in PAIRS if not found[race]]
    stale = [
        (survey, survey.stale[0]) for runs in found.values() for survey in runs if survey.stale
    ]
    evidence: dict[str, Value] = {}
    for race, runs in found.items():
        short = race.replace("-", "_")
        if runs:
            evidence[f"{short}_orders"] = sum(s.schedules for s in runs)
            evidence[f"{short}_stale"] = sum(s.outcomes["stale"] for s in runs)
            evidence[f"{short}_impossible"] = sum(s.outcomes["impossible"] for s in runs)
    if stale:
        survey, played = stale[0]
        raise unmet(
            f"With {RACES[survey.race][0]}, the order {played.schedule} left version "
            f"{played.cached} where version {played.committed} is committed.",
            evidence,
            hint="Play that order and look at the step that stored the old answer: what should "
            "have refused it?",
        )
    if missing:
        raise unmet(
            f"Not every order of {' and of '.join(missing)} was run with it.",
            evidence,
            hint="A cure must hold for both pairs of two workers.",
        )
    if any(
        not (s.outcomes["fresh"] or s.outcomes["empty"]) for runs in found.values() for s in runs
    ):
        raise unmet(
            "No order could be played at all.",
            evidence,
            hint="Look at the steps of one order.",
        )
    return met(
        f"None of {sum(s.schedules for runs in found.values() for s in runs)} orders of both "
        "pairs ended stale.",
        evidence,
    )


def _all(sandbox: Sandbox) -> list[tuple[str, Played]]:
    """Every schedule that was played, with its race."""
    single = [(one.race, one.played) for one in races(sandbox).plays()]
    return single + [
        (survey.race, played) for survey in races(sandbox).surveys() for played in survey.played
    ]
