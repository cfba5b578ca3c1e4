"""Stale windows: one trial of a way to invalidate, the table that the trials fill, and what each
way leaves on the server.
"""

from __future__ import annotations

from labs.caching.local import CHANNEL
from labs.engines.redis import Redis
from labs.lab import Column, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.shop.popularity import category_of

TABLE = Table(
    "windows",
    "Stale windows",
    (
        Column("way", "Way"),
        Column("stale", "Stale reads", sense="stale"),
        Column("staleness_p50_ms", "Stale by, median", "ms", 1, "stale"),
        Column(
            "staleness_p99_ms",
            "Stale by, p99",
            "ms",
            1,
            "stale",
            "When the read began, less when the first newer version was committed",
        ),
        Column("staleness_max_ms", "Stale by, most", "ms", 1, "stale"),
        Column(
            "hit_percent",
            "Hit rate",
            "%",
            1,
            "hit",
            "Reads that needed no query, of all reads; also those that the process’s "
            "own memory answered",
        ),
        Column("cache_commands_per_request", "Trips to the cache", "a request", 2),
        Column("queries_per_s", "Database queries", "/s", 0, "read"),
        Column("keys", "Keys on the server"),
        Column(
            "left_behind",
            "Left behind",
            "",
            0,
            "none",
            "Keys that no read will ever ask for again, counted on the server",
        ),
    ),
    "Nothing has been measured yet.",
)


def run_trial(sandbox: Sandbox, name: str) -> trials.Row:
    """One trial of this way; its row goes into the table."""
    sandbox.set("way", name)
    trial = trials.run(sandbox, float(sandbox.settings["seconds"]), lambda: _on_server(sandbox))
    row = _row(sandbox, trial)
    trials.put_row(sandbox, TABLE.name, row, by="way")
    sandbox.say(
        f"{row['way']}: {row['stale']:.0f} stale reads"
        + (f", by up to {row['staleness_max_ms']:.0f} ms" if row["stale"] else "")
        + f"; {row['left_behind']:.0f} keys left behind",
        "stale" if row["stale"] else "here",
    )
    return row


def keys_left_behind(sandbox: Sandbox, keys: list[str]) -> list[str]:
    """Those of the keys that carry an old version or an old generation: no read asks for them."""
    redis = _redis(sandbox)
    numbers: dict[str, int] = {}

    def number(counter: str) -> int:
        if counter not in numbers:
            value = redis.run("GET", counter)
            numbers[counter] = int(value) if isinstance(value, bytes) else 0
        return numbers[counter]

    def is_old(key: str) -> bool:
        match key.split(":"):
            case [_, item, stamp] if stamp.startswith("v"):
                return stamp != f"v{number(f'version:{item}')}"
            case [_, item, stamp] if stamp.startswith("g"):
                return stamp != f"g{number(f'generation:{category_of(int(item))}')}"
        return False

    return [key for key in keys if is_old(key)]


def listeners(sandbox: Sandbox) -> int:
    """How many processes listen on the channel, as the server counts them."""
    reply = _redis(sandbox).run("PUBSUB", "NUMSUB", CHANNEL)
    return int(reply[1]) if isinstance(reply, list) else 0


def _on_server(sandbox: Sandbox) -> trials.Row:
    return {
        "left_behind": len(keys_left_behind(sandbox, trials.keys_now(sandbox))),
        "listeners": listeners(sandbox),
    }


def _row(sandbox: Sandbox, trial: trials.Trial) -> trials.Row:
    strategy, cache = sandbox.strategy(), trial.tally.latencies["cache"]
    ttl_s = strategy.ttl_s(sandbox.settings)
    return {
        "name": strategy.name,
        "way": strategy.label + ("" if ttl_s else ", no time to live"),
        "clients": sandbox.settings["clients"],
        "ttl_s": ttl_s,
        **trial.row(),
        "server_hits": trial.hits,
        "server_misses": trial.misses,
        "cache_commands_per_request": round(cache.count / max(1, trial.tally.done), 2),
        "left_behind": trial.seen["left_behind"],
        "listeners": trial.seen["listeners"],
    }


def _redis(sandbox: Sandbox) -> Redis:
    engine = sandbox.servers["cache"].engine
    assert isinstance(engine, Redis)
    return engine
