"""What labs share that let a load run for a while and count: one trial of the strategy that the
settings pick, on emptied servers, from the seed's beginning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from labs.definition import Check
from labs.engines import Memcached, Redis
from labs.errors import NotNow, ServerDown
from labs.events import Value
from labs.load.load import Tally
from labs.sandbox.sandbox import Sandbox

Row = dict[str, Value]
"""A row of a table: column to value; what the table does not show may stand in it too."""

EDGES_MS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1_000, 2_000, 4_000)
"""Where the bars of a distribution of staleness end; the last bar has no end."""

GRACE_S = 10.0
"""How much longer than it should a trial may take on a busy machine."""


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
    operations: float
    keys: tuple[str, ...]
    held_bytes: float
    seen: Row

    @property
    def reads(self) -> int:
        """Reads that were answered."""
        return self.tally.done - self.writes

    @property
    def writes(self) -> int:
        """Writes that were committed, behind the application's back too."""
        return self.tally.kinds["write"] + self.tally.kinds["behind"]

    @property
    def hit_percent(self) -> float:
        """Reads that needed no query, of all reads."""
        return 100 * self.tally.kinds["hit"] / self.reads if self.reads else 0.0

    @property
    def stale_percent(self) -> float:
        """Stale reads of all reads."""
        return 100 * self.tally.stale / self.reads if self.reads else 0.0

    def staleness_ms(self, percentile: float) -> float:
        """By how much the stale reads were stale; 0 without any."""
        return self.tally.latencies["staleness"].percentile_ms(percentile)


def run(sandbox: Sandbox, seconds: float, look: Callable[[], Row] = dict) -> Trial:
    """Empty the cache, begin the clients and their seed anew, and let them do as many requests as
    they should in so many seconds.

    `look` is called when they are done and have not ended yet; what it returns is `seen`.
    """
    begin(sandbox)
    before, operations_before = sandbox.counters(), _operations(sandbox)
    began = time.monotonic()
    clients = int(float(sandbox.settings["clients"]))
    requests = int(seconds * float(sandbox.settings["rate_per_s"])) // clients * clients
    sandbox.start_load(requests)
    tally = sandbox.load.totals[(sandbox.cache_engine, sandbox.strategy().name)]
    sandbox.wait_until(lambda: tally.done + tally.errors >= requests, deadline_s=seconds + GRACE_S)
    keys, held, seen = keys_now(sandbox), held_bytes(sandbox), look()
    sandbox.stop_load()
    after = sandbox.counters()
    return Trial(
        seconds=time.monotonic() - began,
        tally=tally,
        hits=after.hits - before.hits,
        misses=after.misses - before.misses,
        queries=after.queries - before.queries,
        operations=_operations(sandbox) - operations_before,
        keys=tuple(keys),
        held_bytes=held,
        seen=seen,
    )


def compare(
    sandbox: Sandbox,
    table: str,
    setting: str,
    names: Iterable[str],
    try_one: Callable[[Sandbox, str], object],
    *,
    ends: Callable[[], bool] = lambda: False,
) -> None:
    """A trial of each name of this setting, or of as many as it takes until `ends`; the table is
    empty at first, the setting is at last what it was.
    """
    sandbox.tabulate(table, ())
    with settings(sandbox, **{setting: sandbox.settings[setting]}):
        for name in names:
            try_one(sandbox, name)
            if ends():
                return


def staleness(trial: Trial) -> Row:
    """How many reads were stale, by how much, and what that is to be held against; columns that
    tables of trials share.
    """
    latencies = trial.tally.latencies
    return {
        "hit_percent": round(trial.hit_percent, 2),
        "stale": trial.tally.stale,
        "stale_percent": round(trial.stale_percent, 2),
        "staleness_p50_ms": round(trial.staleness_ms(50), 1),
        "staleness_p99_ms": round(trial.staleness_ms(99), 1),
        "staleness_max_ms": round(trial.staleness_ms(100), 1),
        "staleness_edges_ms": " ".join(map(str, EDGES_MS)),
        "staleness_counts": " ".join(
            str(count) for count in latencies["staleness"].counts(EDGES_MS)
        ),
        "slowest_miss_ms": round(latencies["miss"].percentile_ms(100), 2),
    }


def begin(sandbox: Sandbox) -> None:
    """Nothing is cached anywhere, and nothing is remembered of what was asked for or written."""
    sandbox.stop_load()
    sandbox.flush()
    sandbox.app.forget_clients()
    sandbox.commits.clear()
    sandbox.load.forget()


def ready(sandbox: Sandbox) -> None:
    """Raises NotNow unless everything is up and whole and no load runs."""
    if sandbox.load.running:
        raise NotNow("The load is running.", hint="Stop the load, then measure.")
    down = [name for name, server in sandbox.servers.items() if server.state != "up"]
    if down:
        raise NotNow(f"{down[0]} is not up.", hint="Restart it, then measure.")
    cut = [name for name, state in sandbox.link_states.items() if state != "open"]
    if cut:
        raise NotNow(
            f"The link to {cut[0]} is {sandbox.link_states[cut[0]]}.",
            hint="Restore it, then measure.",
        )


@contextlib.contextmanager
def settings(sandbox: Sandbox, **values: Value) -> Iterator[None]:
    """These settings for a while, then those that were."""
    before = {name: sandbox.settings[name] for name in values}
    for name, value in values.items():
        sandbox.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            sandbox.set(name, value)


def refuted(sandbox: Sandbox, *checks: Check) -> bool:
    """True if one of these checks has seen what it judges, and it was not so: a run that is to meet
    them all need not go on.
    """
    verdicts = [check.judge(sandbox) for check in checks]
    return any(verdict.status == "unmet" and verdict.evidence for verdict in verdicts)


def keys_now(sandbox: Sandbox) -> list[str]:
    """The keys that the cache server holds now, by its own word."""
    return _cache(sandbox).keys()


def item_of(key: str) -> int:
    """The item that a key such as row:42 is about; 0 if it is about none."""
    _, _, item = key.partition(":")
    return int(item) if item.isdigit() else 0


def merged(rows: list[Row], row: Row, by: str) -> list[Row]:
    """The rows with this one in place of the one that has the same value in column `by`, or at the
    end.
    """
    if any(old[by] == row[by] for old in rows):
        return [row if old[by] == row[by] else old for old in rows]
    return [*rows, row]


def _operations(sandbox: Sandbox) -> float:
    return sandbox.servers["cache"].engine.counters()["operations"]


def held_bytes(sandbox: Sandbox) -> float:
    """What the keys and values on the cache server take, by its own word."""
    return _cache(sandbox).held_bytes()


def _cache(sandbox: Sandbox) -> Redis | Memcached:
    engine = sandbox.servers["cache"].engine
    if not isinstance(engine, Redis | Memcached):
        raise ServerDown("The cache is not there.")
    return engine
