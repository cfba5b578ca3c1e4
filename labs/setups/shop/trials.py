"""Trials: the load does a given number of requests with one strategy, on emptied servers and from
the beginning of its seed; what its clients and the servers counted becomes a row of a table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labs.engines.memcached import Memcached
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.events import Value
from labs.lab import Column
from labs.load.controller import Tally
from labs.sandbox.experiment import temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.application import app
from labs.setups.shop.counters import CACHE, cache_engine, read_counters

Row = dict[str, Value]
"""A row of a table: column to value. It may hold values that the table has no column for."""

EDGES_MS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1_000, 2_000, 4_000)
"""Edges of the bars of a distribution of staleness; static/js/views/multiples.js draws them."""

QUOTED = (
    "hit_percent",
    "stale",
    "stale_percent",
    "staleness_p50_ms",
    "staleness_p99_ms",
    "staleness_max_ms",
    "keys",
)

GRACE_S = 10.0
"""How much longer than planned a trial may take on a busy machine."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one load did: what its clients counted, and what the servers counted meanwhile.

    `keys`, `held_bytes` and `seen` are as of its last moment.
    """

    seconds: float
    tally: Tally
    hits: int
    misses: int
    queries: int
    keys: int
    held_bytes: float
    seen: Row

    def row(self) -> Row:
        """What every table of trials holds: reads, writes, hits, staleness, queries and keys. Hits
        are reads that needed no query; writes behind the application's back count as well.
        """
        tally, staleness = self.tally, self.tally.latencies["staleness"]
        writes = tally.kinds["write"] + tally.kinds["behind"]
        reads = tally.done - writes
        return {
            "reads": reads,
            "writes": writes,
            "hit_percent": round(100 * tally.kinds["hit"] / max(1, reads), 2),
            "stale": tally.stale,
            "stale_percent": round(100 * tally.stale / max(1, reads), 2),
            "staleness_p50_ms": round(staleness.percentile_ms(50), 1),
            "staleness_p99_ms": round(staleness.percentile_ms(99), 1),
            "staleness_max_ms": round(staleness.percentile_ms(100), 1),
            "staleness_edges_ms": " ".join(map(str, EDGES_MS)),
            "staleness_counts": " ".join(map(str, staleness.counts(EDGES_MS))),
            "slowest_miss_ms": round(tally.latencies["miss"].percentile_ms(100), 2),
            "queries_per_s": round(self.queries / self.seconds, 1),
            "keys": self.keys,
        }


def staleness_columns(decimals: int) -> tuple[Column, ...]:
    """How many reads were stale, and by how much: the median and the 99th percentile."""
    late = "When the read began, less when the first newer version was committed"
    return (
        Column("stale", "Stale reads", sense="stale"),
        Column("staleness_p50_ms", "Stale by, median", "ms", decimals, "stale"),
        Column("staleness_p99_ms", "Stale by, p99", "ms", decimals, "stale", late),
    )


def begin(sandbox: Sandbox) -> None:
    """End the load, empty the cache and the application's own memory, and forget what was asked
    for and what was written.
    """
    sandbox.stop_load()
    app(sandbox).flush()
    app(sandbox).disconnect()
    sandbox.commits.clear()
    sandbox.load.clear()


def run(
    sandbox: Sandbox, seconds: float, observe: Callable[[list[str]], Row] = lambda _keys: {}
) -> Trial:
    """From nothing, let the clients do as many requests as they should do in `seconds`.

    `observe` is called with the cache's keys when the requests are done and the clients still run;
    what it returns is the trial's `seen`.
    """
    begin(sandbox)
    before = read_counters(sandbox)
    began = time.monotonic()
    tally = load(sandbox, seconds)
    keys = keys_now(sandbox)  # at once: what has a short time to live is soon gone
    seen, held = observe(keys), held_bytes(sandbox)
    sandbox.stop_load()
    after = read_counters(sandbox)
    return Trial(
        seconds=time.monotonic() - began,
        tally=tally,
        hits=after.hits - before.hits,
        misses=after.misses - before.misses,
        queries=after.queries - before.queries,
        keys=len(keys),
        held_bytes=held,
        seen=seen,
    )


def load(sandbox: Sandbox, seconds: float) -> Tally:
    """Let the clients do as many requests as they should do in `seconds`. They still run then."""
    clients = int(float(sandbox.settings["clients"]))
    requests = int(seconds * float(sandbox.settings["rate_per_s"])) // clients * clients
    sandbox.start_load(requests)
    tally = sandbox.load.totals[(cache_engine(sandbox), sandbox.strategy().name)]
    sandbox.wait_until(lambda: tally.done + tally.errors >= requests, deadline_s=seconds + GRACE_S)
    return tally


def compare(
    sandbox: Sandbox,
    table: str,
    setting: str,
    names: Iterable[str],
    try_one: Callable[[Sandbox, str], object],
    *,
    keeps: Callable[[Row], bool] = lambda row: False,
    ends: Callable[[], bool] = lambda: False,
) -> None:
    """Empty the table but for the rows that `keeps` says, then make a trial with each of these
    values of the setting, until `ends`. The setting is put back.
    """
    sandbox.tabulate(table, [row for row in sandbox.found.get(table, []) if keeps(row)])
    with temporarily(sandbox, **{setting: sandbox.settings[setting]}):
        for name in names:
            try_one(sandbox, name)
            if ends():
                return


def put_row(sandbox: Sandbox, table: str, row: Row, *, by: str) -> None:
    """Put a row into a table, in place of the one with the same value in column `by`."""
    kept = rows(sandbox, table, by=by) | {str(row[by]): row}
    sandbox.tabulate(table, list(kept.values()))


def rows(sandbox: Sandbox, table: str, *, by: str = "name") -> dict[str, Row]:
    """The rows of a table by what stands in one of their columns."""
    return {str(row[by]): row for row in sandbox.found.get(table, [])}


def quote(sandbox: Sandbox, row: Row, *columns: str) -> None:
    """Note what lessons quote of a row: what all trials have, and these columns."""
    for column in (*QUOTED, *columns):
        note = f"{str(row['name']).replace('-', '_')}_{column}"
        sandbox.measurements[note] = float(row[column])


def keys_now(sandbox: Sandbox) -> list[str]:
    """The keys that the cache server holds now, as the server lists them."""
    return _cache(sandbox).keys()


def held_bytes(sandbox: Sandbox) -> float:
    """The bytes that keys and values take, as the cache server counts them."""
    return _cache(sandbox).held_bytes()


def item_of(key: str) -> int:
    """The item that a key such as row:42 is about; 0 if it is about none."""
    _, _, item = key.partition(":")
    return int(item) if item.isdigit() else 0


def redis(sandbox: Sandbox) -> Redis:
    """The cache's engine where the cache is a Redis. ServerDown where it is not."""
    engine = _cache(sandbox)
    if not isinstance(engine, Redis):
        raise ServerDown("No Redis runs here.")
    return engine


def _cache(sandbox: Sandbox) -> Redis | Memcached:
    engine = sandbox.servers[CACHE].engine
    if not isinstance(engine, Redis | Memcached):
        raise ServerDown("The cache is not there.")
    return engine
