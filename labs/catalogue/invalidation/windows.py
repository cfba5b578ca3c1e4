"""Stale windows: the ways to invalidate, one trial of each, the table that the trials fill, and
what each way leaves on the server.
"""

from __future__ import annotations

from labs.caching import cache_aside, notified_locals, tagged_keys, versioned_keys
from labs.caching.local import CHANNEL
from labs.lab import Column, Strategy, Table
from labs.sandbox.experiment import temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.strategies import by_name
from labs.shop.popularity import category_of

WAYS = by_name(
    Strategy("ttl", "Time to live alone", cache_aside.read, cache_aside.write_without_invalidation),
    Strategy("delete", "Delete on write", cache_aside.read, cache_aside.write),
    Strategy("versioned", "Versioned keys", versioned_keys.read, versioned_keys.write),
    Strategy("tags", "Tags by category", tagged_keys.read, tagged_keys.write),
    Strategy(
        "notified",
        "Caches in the processes, with messages",
        notified_locals.read,
        notified_locals.write,
    ),
)

TABLE = Table(
    "windows",
    "Stale windows",
    (
        Column("way", "Way"),
        *trials.staleness_columns(decimals=1),
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
            help="Keys that no read will ever ask for again, counted on the server",
        ),
    ),
    "Nothing has been measured yet.",
)


def run_trial(sandbox: Sandbox, name: str) -> trials.Row:
    """One trial of this way; its row goes into the table."""
    sandbox.set("way", name)
    seconds = float(sandbox.settings["seconds"])
    trial = trials.run(sandbox, seconds, lambda keys: _on_server(sandbox, keys))
    strategy, commands = sandbox.strategy(), trial.tally.latencies["cache"].count
    ttl_s = strategy.ttl_s(sandbox.settings)
    row: trials.Row = {
        "name": strategy.name,
        "way": strategy.label + ("" if ttl_s else ", no time to live"),
        "clients": sandbox.settings["clients"],
        "ttl_s": ttl_s,
        **trial.row(),
        "server_hits": trial.hits,
        "server_misses": trial.misses,
        "cache_commands_per_request": round(commands / max(1, trial.tally.done), 2),
        **trial.seen,
    }
    trials.put_row(sandbox, TABLE.name, row, by="way")
    trials.quote(sandbox, row, "left_behind", "cache_commands_per_request")
    sandbox.say(
        f"{row['way']}: {row['stale']:.0f} stale reads"
        + (f", by up to {row['staleness_max_ms']:.0f} ms" if row["stale"] else "")
        + f"; {row['left_behind']:.0f} keys left behind",
        "stale" if row["stale"] else "here",
    )
    return row


def count_again(sandbox: Sandbox) -> None:
    """Measure the ways that leave keys behind again, with a TTL so long that even a busy machine
    counts the keys before it ends.
    """
    with temporarily(sandbox, way=sandbox.settings["way"], ttl_s=10, seconds=1):
        for way in ("versioned", "tags"):
            run_trial(sandbox, way)


def keys_left_behind(sandbox: Sandbox, keys: list[str]) -> list[str]:
    """Those of the keys that have an old version or generation, and that no read uses any more."""
    redis = trials.redis(sandbox)
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
    reply = trials.redis(sandbox).run("PUBSUB", "NUMSUB", CHANNEL)
    return int(reply[1]) if isinstance(reply, list) else 0


def ten_of_category(item: int) -> list[int]:
    """Ten items of the category that this one is in, itself first."""
    category = [other for other in range(1, 1_001) if category_of(other) == category_of(item)]
    return [item, *(other for other in category if other != item)][:10]


def one_of_another(item: int) -> int:
    """An item of another category than this one."""
    return next(other for other in range(1, 1_001) if category_of(other) != category_of(item))


def _on_server(sandbox: Sandbox, keys: list[str]) -> trials.Row:
    return {
        "left_behind": len(keys_left_behind(sandbox, keys)),
        "listeners": listeners(sandbox),
    }
