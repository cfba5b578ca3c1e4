"""What must be seen in the lab database-relief.

Each check judges readings: the servers' own counters and the clients' clocks.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, met, require_seen, unmet
from labs.load.controller import Tally
from labs.sandbox.blocks import hint_for
from labs.sandbox.sampler import Reading
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import total

STEADY_S = 1.2
STEADY_POINTS = 5.0
RELIEF_PERCENT = 80.0
TIMES_FASTER = 10.0
SAMPLES = 50


def _phase(sandbox: Sandbox, cache: str) -> list[Reading]:
    """The newest `STEADY_S` seconds of load with the cache on or off in which no setting was
    changed and the cache was not still filling; or nothing.
    """
    readings = list(sandbox.sampler.history)
    for end in range(len(readings), 0, -1):
        window = _window(readings[:end], cache)
        if window and _is_steady(window):
            return window
    return []


def _window(readings: list[Reading], cache: str) -> list[Reading]:
    """The last `STEADY_S` seconds of these readings, newest first, if all of them are alike."""
    window: list[Reading] = []
    for reading in reversed(readings):
        fits = reading.loaded and reading.settings["cache"] == cache
        alike = not window or reading.settings == window[-1].settings
        if not fits or not alike or "database_queries_per_s" not in reading.values:
            return []
        window.append(reading)
        if sum(r.seconds for r in window) >= STEADY_S:
            return window
    return []


def _is_steady(window: list[Reading]) -> bool:
    """The hit rate of the newer half is that of the older one, or nearly: the cache has filled as
    far as it will.
    """
    half = len(window) // 2
    return _hit_rate_percent(window[:half]) - _hit_rate_percent(window[half:]) <= STEADY_POINTS


def _hit_rate_percent(readings: list[Reading]) -> float:
    hits, misses = (total(readings, name) for name in ("cache_hits_per_s", "cache_misses_per_s"))
    return 100 * hits / (hits + misses) if hits + misses else 0.0


def _per_s(readings: list[Reading], metric: str) -> float:
    return total(readings, metric) / sum(r.seconds for r in readings)


@check("The load has run without a cache for two seconds")
def ran_without_cache(sandbox: Sandbox) -> Verdict:
    phase = require_seen(
        _phase(sandbox, "off"), "The load has not run long enough yet.", hint="Wait a moment."
    )
    queries_per_s = round(_per_s(phase, "database_queries_per_s"), 1)
    return met("Postgres counted the queries.", {"queries_per_s": queries_per_s})


@check("At the same load the database gets at least 80 % fewer queries")
def relief(sandbox: Sandbox) -> Verdict:
    off = require_seen(
        _phase(sandbox, "off"),
        "No load has run without the cache for two seconds yet.",
        hint=hint_for(
            sandbox,
            "Set “Cache” to “off”, then press “Start the load” in the tab Load. Let it run for "
            "three seconds and change nothing meanwhile.",
        ),
    )
    on = require_seen(
        _phase(sandbox, "on"),
        "No load has run with a full cache for two seconds yet.",
        hint=hint_for(
            sandbox,
            "Set “Cache” to “on” while the load runs. Wait some seconds until the hit rate no "
            "longer rises, and change nothing meanwhile.",
        ),
    )
    wanted = {float(r.settings["rate_per_s"]) for r in (*off, *on)}
    if len(wanted) > 1 or len({str(r.settings["read"]) for r in (*off, *on)}) > 1:
        raise unmet(
            "The load without the cache and the load with it had different settings.",
            hint="Set “Cache” to “off” and back to “on” while the load runs. Leave “What is read” "
            "and “Requests wanted” in the tab Load as they are.",
        )
    without, with_cache = (_per_s(phase, "database_queries_per_s") for phase in (off, on))
    percent = 100 * (1 - with_cache / without) if without else 0.0
    evidence = {
        "queries_per_s_without_cache": round(without, 1),
        "queries_per_s_with_cache": round(with_cache, 1),
        "relief_percent": round(percent, 1),
        "hit_rate_percent": hit_rate_percent(sandbox),
        "requests_per_s_without_cache": round(_per_s(off, "done_per_s"), 1),
        "requests_per_s_with_cache": round(_per_s(on, "done_per_s"), 1),
        "wanted_per_s": wanted.pop(),
    }
    said = (
        f"Postgres counted {without:.0f} queries a second without the cache and {with_cache:.0f} "
        f"with it: {percent:.0f} % fewer"
    )
    if percent >= RELIEF_PERCENT:
        return met(f"{said}.", evidence)
    raise unmet(
        f"{said}. The check asks for {RELIEF_PERCENT:.0f} %.",
        evidence,
        hint="Let the load run until the cache is full. If the hit rate stays low, raise “Cache "
        "memory” or “Skew” in the tab Load.",
    )


def _tallies(sandbox: Sandbox) -> dict[str, Tally]:
    return {
        engine: tally
        for (engine, strategy), tally in sandbox.load.totals.items()
        if strategy != "no-cache" and tally.kinds["hit"] >= SAMPLES and tally.kinds["miss"] >= 5
    }


@check("A hit takes at most a tenth of a miss")
def hits_are_fast(sandbox: Sandbox) -> Verdict:
    tallies = require_seen(
        _tallies(sandbox),
        f"The app has not yet timed {SAMPLES} hits and 5 misses.",
        hint=hint_for(
            sandbox,
            "Set “Cache” to “on” and press “Start the load” in the tab Load. If no miss comes any "
            "more, press “Flush the cache” there.",
        ),
    )
    engine, tally = max(tallies.items(), key=lambda pair: pair[1].kinds["hit"])
    hit_ms, miss_ms = (tally.latencies[kind].percentile_ms(50) for kind in ("hit", "miss"))
    evidence: dict[str, Value] = {
        "engine": engine,
        "hit_p50_ms": round(hit_ms, 3),
        "miss_p50_ms": round(miss_ms, 3),
        "miss_p99_ms": round(tally.latencies["miss"].percentile_ms(99), 3),
        "hits": tally.kinds["hit"],
        "misses": tally.kinds["miss"],
        "times_faster": round(miss_ms / max(hit_ms, 0.001), 1),
    }
    if hit_ms * TIMES_FASTER <= miss_ms:
        return met(
            f"A hit took {hit_ms:.2f} ms and a miss {miss_ms:.2f} ms at the median: a hit was "
            f"{miss_ms / hit_ms:.0f} times faster.",
            evidence,
        )
    raise unmet(
        f"A hit took {hit_ms:.2f} ms and a miss {miss_ms:.2f} ms at the median. The check asks "
        "for ten times.",
        evidence,
        hint="Set “What is read” to “a category’s ranking”: the slower the query, the more a hit "
        "saves.",
    )


@check("Every request was a hit that the cache counted or a query that Postgres counted")
def server_agrees(sandbox: Sandbox) -> Verdict:
    on = [
        r
        for r in sandbox.sampler.history
        if r.loaded and r.settings["cache"] == "on" and "cache_hits_per_s" in r.values
    ]
    done = total(on, "done_per_s")
    if done < 4 * SAMPLES:
        raise unmet(
            f"The app has answered fewer than {4 * SAMPLES} requests with the cache on.",
            hint=hint_for(
                sandbox,
                "Set “Cache” to “on” and let the load run: press “Start the load” in the tab Load.",
            ),
        )
    counted, queries = total(on, "cache_hits_per_s"), total(on, "database_queries_per_s")
    explained = 100 * (counted + queries) / done
    evidence = {
        "requests": round(done),
        "hits_by_the_server": round(counted),
        "queries_by_the_database": round(queries),
        "explained_percent": round(explained, 1),
    }
    if 90 <= explained <= 115:
        return met(
            f"The app answered {done:,.0f} requests. The cache counted {counted:,.0f} hits, and "
            f"Postgres counted {queries:,.0f} queries.",
            evidence,
        )
    raise unmet(
        f"The app answered {done:,.0f} requests, but the cache counted {counted:,.0f} hits and "
        f"Postgres {queries:,.0f} queries: the sum must be the same.",
        evidence,
        hint="Your own reads and the commands that you type count as well. Press “Start afresh”, "
        "then let only the load of the tab Load run.",
    )


@check("Redis and Memcached were compared under the same load")
def both_engines(sandbox: Sandbox) -> Verdict:
    tallies = _tallies(sandbox)
    evidence: dict[str, Value] = {
        f"{engine}_hit_p50_ms": round(tally.latencies["hit"].percentile_ms(50), 3)
        for engine, tally in sorted(tallies.items())
    }
    evidence |= {f"{engine}_hits": tally.kinds["hit"] for engine, tally in sorted(tallies.items())}
    if {"redis", "memcached"} <= set(tallies):
        return met(
            f"A hit took {evidence['redis_hit_p50_ms']} ms with Redis and "
            f"{evidence['memcached_hit_p50_ms']} ms with Memcached at the median.",
            evidence,
        )
    missing = [name for name in ("memcached", "redis") if name not in tallies]
    raise unmet(
        f"The load has not yet run with {' and '.join(map(str.capitalize, missing))}.",
        evidence,
        hint=hint_for(
            sandbox,
            "Set “Cache” to “on” and press “Start the load” in the tab Load. Then set “Engine” "
            f"to “{missing[0].capitalize()}” and wait some seconds.",
        ),
    )


def hit_rate_percent(sandbox: Sandbox) -> float:
    """The hit rate of the newest steady load with the cache on, as its server counted; 0 if there
    is none.
    """
    return round(_hit_rate_percent(_phase(sandbox, "on")), 1)
