"""What must be seen in the lab strategies.

Checks judge the rows of the comparison: what the clients timed and what the servers counted.
"""

from __future__ import annotations

from labs.catalogue.strategies.comparison import FIVE, TABLE
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.blocks import hint_for
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import (
    longest_staleness_ms,
    require_bounded_staleness,
    require_hits,
)
from labs.setups.shop.trials import Row


def _rows(sandbox: Sandbox, *, behind: bool = False) -> dict[str, Row]:
    """The newest row of each strategy, by its name: those whose writes all went through it, or
    those where some went behind its back.
    """
    found = sandbox.found.get(TABLE.name, [])
    return {str(row["name"]): row for row in found if bool(row["behind_percent"]) == behind}


def _compare(sandbox: Sandbox) -> str:
    """What to do next to have every strategy run with all writes through it."""
    hint = "Press “Compare them”. It runs all five, one after the other, in about a minute."
    if float(sandbox.settings["behind_percent"]):
        hint = "Set “Writes behind its back” to 0 %, then press “Compare them”."
    return hint_for(sandbox, hint, idle=True)


@check("All five did the same work")
def same_trace(sandbox: Sandbox) -> Verdict:
    found = _rows(sandbox)
    five = [found[name] for name in FIVE if name in found]
    if len(five) < len(FIVE):
        raise unmet(
            f"{len(five)} of 5 strategies have run with all writes through them.",
            hint=_compare(sandbox),
        )
    requests, writes = ([float(row[name]) for row in five] for name in ("requests", "writes"))
    evidence = {
        "fewest_requests": min(requests),
        "most_requests": max(requests),
        "fewest_writes": min(writes),
        "most_writes": max(writes),
    }
    alike = ("engine", "ttl_s", "clients", "read", "requests", "writes")
    if all(row[name] == five[0][name] for row in five for name in alike):
        return met(
            f"Each strategy served the same {requests[0]:,.0f} requests, {writes[0]:,.0f} of them "
            "writes.",
            evidence,
        )
    raise unmet(
        f"The strategies served {min(requests):,.0f} to {max(requests):,.0f} requests, "
        f"{min(writes):,.0f} to {max(writes):,.0f} of them writes: not the same work.",
        evidence,
        hint="Lower “Requests wanted” in the tab Load, then press “Compare them” and change "
        "nothing while it runs.",
    )


@check("Without a cache the database is asked most, and nothing is stale")
def no_cache_asks_most(sandbox: Sandbox) -> Verdict:
    others = _rows(sandbox)
    bare = others.pop("no-cache", None)
    if bare is None or not others:
        raise unmet(
            "No strategy with a cache has been compared with “No cache” yet.",
            hint=_compare(sandbox),
        )
    least = float(bare["queries_per_request"])
    most = max(float(row["queries_per_request"]) for row in others.values())
    evidence: Row = {
        "queries_per_request_without": least,
        "most_of_the_others": most,
        "stale_without": bare["stale"],
    }
    if least >= 0.95 and least > 1.05 * most and not bare["stale"]:
        return met(
            f"Postgres counted {least:.2f} queries for each request without a cache, and at most "
            f"{most:.2f} with one. Without a cache no read was stale.",
            evidence,
        )
    raise unmet(
        f"Postgres counted {least:.2f} queries for each request without a cache and at most "
        f"{most:.2f} with one. Without a cache {bare['stale']} reads were stale.",
        evidence,
        hint="Set “With write-through, a miss” to “stores nothing”, then press “Compare them”.",
    )


@check("A time to live bounds how stale a read can be")
def ttl_bounds(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _rows(sandbox).get("lazy-ttl"),
        "Lazy loading with a TTL has not run yet.",
        hint=_compare(sandbox),
    )
    bound, longest = longest_staleness_ms(row), float(row["staleness_max_ms"])
    evidence: Row = {
        "stale_reads": row["stale"],
        "staleness_max_ms": round(longest, 1),
        "ttl_ms": float(row["ttl_s"]) * 1_000,
        "slowest_miss_ms": row["slowest_miss_ms"],
        "bound_ms": round(bound, 1),
    }
    require_bounded_staleness(row, evidence, to_see="a bound")
    return met(
        f"The cache served {row['stale']:,.0f} stale reads. The oldest answer was {longest:,.0f} "
        f"ms old; the TTL is {float(row['ttl_s']) * 1_000:,.0f} ms.",
        evidence,
    )


@check("Lazy loading without a TTL serves older answers")
def lazy_is_staler(sandbox: Sandbox) -> Verdict:
    found = _rows(sandbox)
    lazy, bounded = found.get("lazy"), found.get("lazy-ttl")
    if lazy is None or bounded is None:
        raise unmet(
            "Lazy loading has not run both with and without a TTL yet.",
            hint=_compare(sandbox),
        )
    bound, longest = longest_staleness_ms(bounded), float(lazy["staleness_max_ms"])
    evidence: Row = {
        "stale_without_ttl": lazy["stale"],
        "stale_with_ttl": bounded["stale"],
        "staleness_max_ms_without_ttl": round(longest, 1),
        "bound_ms_with_ttl": round(bound, 1),
    }
    if longest > bound and float(lazy["stale"]) > float(bounded["stale"]):
        return met(
            f"Without a TTL {lazy['stale']:,.0f} reads were stale, by up to {longest:,.0f} ms. "
            f"With a TTL {bounded['stale']:,.0f} were, by {bounded['staleness_max_ms']:,.0f} ms at "
            "most.",
            evidence,
        )
    raise unmet(
        f"Without a TTL {lazy['stale']:.0f} reads were stale, by up to {longest:.0f} ms: no worse "
        "than with one.",
        evidence,
        hint="A run must last for longer than the TTL. Set “Each runs for” to 3 s and “Time to "
        "live” to 0.5 s, then press “Compare them”.",
    )


@check("Write-through has no stale read while every write goes through it")
def write_through_fresh(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _rows(sandbox).get("write-through"),
        "Write-through has not run with all writes through it yet.",
        hint=_compare(sandbox),
    )
    evidence = evidence_of(row, "reads", "hit_percent", "writes", "clients")
    evidence["stale_reads"] = row["stale"]
    if row["clients"] != 1:
        raise unmet(
            f"{row['clients']:.0f} clients wrote at the same time, and {row['stale']:.0f} reads "
            "were stale.",
            evidence,
            hint="Set “Clients” to 1 in the tab Load, then press “Compare them”.",
        )
    if row["stale"]:
        raise unmet(
            f"{row['stale']:,.0f} of {row['reads']:,.0f} reads were stale.",
            evidence,
            hint="Set “Strategy” to “Write-through”. Press “Change the price” and “Read it” in the "
            "tab Step, and compare the price that the app answers.",
        )
    require_hits(
        row, evidence, hint="Raise “Writes” or “Skew” in the tab Load, then press “Compare them”."
    )
    return met(
        f"None of {row['reads']:,.0f} reads was stale while {row['writes']:,.0f} prices changed. "
        f"{row['hit_percent']:.0f} % of the reads were hits.",
        evidence,
    )


@check("Writes behind its back make write-through stale as well")
def behind_its_back(sandbox: Sandbox) -> Verdict:
    behind = _rows(sandbox, behind=True).values()
    found = require_seen(
        [row for row in behind if str(row["name"]).startswith("write-through")],
        "Write-through has not run with writes behind its back yet.",
        hint=_write_behind(sandbox),
    )
    row = max(found, key=lambda row: float(row["stale"]))
    evidence: Row = {
        "behind_percent": row["behind_percent"],
        "writes_behind": row["behind"],
        "stale_reads": row["stale"],
        "staleness_max_ms": row["staleness_max_ms"],
    }
    if row["stale"]:
        return met(
            f"{row['behind']:,.0f} writes went to the database alone. {row['stale']:,.0f} reads of "
            f"write-through were then stale, by up to {row['staleness_max_ms']:,.0f} ms.",
            evidence,
        )
    raise unmet(
        f"{row['behind']:,.0f} writes went to the database alone, and no read was stale.",
        evidence,
        hint="Raise “Each runs for” or “Writes behind its back”, then press “Run the chosen "
        "strategy”.",
    )


def _write_behind(sandbox: Sandbox) -> str:
    """What to do next to have write-through run with writes behind its back."""
    if not str(sandbox.settings["strategy"]).startswith("write-through"):
        hint = "Set “Strategy” to “Write-through”."
    elif not float(sandbox.settings["behind_percent"]):
        hint = "Set “Writes behind its back” to 20 %."
    else:
        hint = "Press “Run the chosen strategy”: the rows of the other strategies stay."
    return hint_for(sandbox, hint, idle=True)
