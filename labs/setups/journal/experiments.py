"""Experiments on one server under numbered writes: each begins with an empty disk and number 1."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from labs.errors import NotNow, ServerDown
from labs.events import Value
from labs.sandbox.experiment import make_ready, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.bench import SERVER
from labs.setups.journal.faults import (
    CRASH,
    POWER,
    come_back,
    crash,
    cut_power,
    journal,
    note_start,
    redis,
)

SIZES = (5_000, 20_000, 60_000)
STARTS_FROM = {"rdb": "snapshot (RDB)", "no": "append-only file (AOF)"}
"""The modes whose starts are timed, and what the server reads then."""

FAST_PER_S, AT_LEAST = 5_000, 300
WRITE_WITHIN_S = 8.0
SAVED_WITHIN_S, SAVED_BY_ITSELF_S = 8.0, 4.0
_FILL_AT_ONCE, _VALUE_BYTES = 1_000, 100
_FILL = (
    "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('SET', 'size:' .. i, ARGV[3]) end"
)
_LOADED = re.compile(r"DB loaded from .*?: ([0-9.]+) seconds")


def begin_again(sandbox: Sandbox, why: str) -> None:
    """Start a new server with the same settings and an empty disk; the numbers begin with 1."""
    sandbox.stop_load()
    server = sandbox.servers[SERVER]
    if server.state in ("up", "paused"):
        # Nothing of it is kept, so it need not end well.
        server.kill(why)
    sandbox.stop(SERVER, why)
    if server.disk is not None:
        server.disk.clear()
    sandbox.start(SERVER, why)
    journal(sandbox).restarted()
    note_start(sandbox)


def choose(sandbox: Sandbox, mode: str, **more: Value) -> None:
    """Set a mode and other settings for an experiment; the disk is empty then."""
    same = sandbox.settings["mode"] == mode
    for control, value in {**more, "mode": mode}.items():
        sandbox.set(control, value)
    if same:
        begin_again(sandbox, "an experiment begins")


@contextmanager
def settings_kept(sandbox: Sandbox) -> Iterator[None]:
    """Give the learner's own settings back after an experiment, with an empty disk."""
    kept = {name: sandbox.settings[name] for name in ("mode", "snapshot_s", "rate_per_s")}
    with temporarily(sandbox, **kept):
        try:
            yield
        finally:
            # Where the mode changes back, the server begins again by itself.
            if sandbox.settings["mode"] == kept["mode"]:
                begin_again(sandbox, "the experiment is over")


@contextmanager
def experiment(sandbox: Sandbox) -> Iterator[None]:
    """Run the experiment of a prediction: its rows are marked as such, and afterwards the settings
    are the learner's own again.
    """
    make_ready(sandbox)
    redis(sandbox)
    with settings_kept(sandbox):
        journal(sandbox).experimenting = True
        try:
            yield
        finally:
            journal(sandbox).experimenting = False


def trial(sandbox: Sandbox, mode: str, fault: str) -> dict[str, Value]:
    """Write in a mode, cause a fault in the middle, start the server again, and compare: the row of
    the comparison.
    """
    choose(sandbox, mode, rate_per_s=FAST_PER_S, **({"snapshot_s": 1} if mode == "rdb" else {}))
    if mode == "rdb":  # until the server has taken a snapshot by itself
        _write_for(sandbox, 0.0)
        sandbox.wait_until(
            lambda: journal(sandbox).progress().in_kernel > 0,
            deadline_s=SAVED_BY_ITSELF_S,
            every_s=0.05,
        )
    # everysec syncs every second: the fault comes between two of them.
    _write_for(sandbox, 1.4 if mode == "everysec" and fault == POWER else 0.3)
    if fault == CRASH:
        crash(sandbox)
    else:
        cut_power(sandbox)
    sandbox.stop_load()
    return come_back(sandbox)


def write(sandbox: Sandbox, count: int) -> None:
    """Make this many writes one after the other, without events; fewer if they take too long."""
    writer = journal(sandbox)
    wanted, until = writer.acknowledged + count, time.monotonic() + WRITE_WITHIN_S
    while writer.acknowledged < wanted and time.monotonic() < until:
        writer.write()


def _write_for(sandbox: Sandbox, seconds: float) -> None:
    """Let the load write for this long, and until some numbers were acknowledged; it goes on
    running.
    """
    writer = journal(sandbox)
    begun, had = time.monotonic(), writer.written
    if not sandbox.load.running:
        sandbox.start_load()
    sandbox.wait_until(
        lambda: time.monotonic() - begun >= seconds and writer.written - had >= AT_LEAST,
        deadline_s=WRITE_WITHIN_S,
    )


def snapshot(sandbox: Sandbox) -> int:
    """Have the server write a snapshot, wait for it, and return how many writes it holds."""
    engine = redis(sandbox)
    with suppress(ServerDown):  # one is being written already
        engine.run("BGSAVE")
    if not sandbox.wait_until(
        lambda: engine.info("persistence")["rdb_bgsave_in_progress"] == "0",
        deadline_s=SAVED_WITHIN_S,
    ):
        raise NotNow("The snapshot is not done yet.", hint="Look again in a moment.")
    if engine.info("persistence")["rdb_last_bgsave_status"] != "ok":
        raise NotNow("The snapshot failed.", hint="The server's log says why.")
    return journal(sandbox).progress().in_kernel


def time_all_starts(sandbox: Sandbox) -> list[dict[str, Value]]:
    """Time a start from both kinds of file at each size: the rows of the table `starts`."""
    for mode, kind in STARTS_FROM.items():
        choose(sandbox, mode)
        for since, keys in zip((0, *SIZES), SIZES, strict=False):
            _fill(sandbox, keys, since=since)
            if mode == "rdb":
                snapshot(sandbox)
            row = _time_start(sandbox, kind, keys)
            others = [
                old
                for old in sandbox.found.get("starts", [])
                if (old["kind"], old["keys"]) != (kind, keys)
            ]
            sandbox.tabulate("starts", [*others, row])
    return sandbox.found["starts"]


def _fill(sandbox: Sandbox, keys: int, *, since: int) -> None:
    """Have the server itself add keys of 100 bytes, until it has `keys`; it has `since` already."""
    engine = redis(sandbox)
    for first in range(since + 1, keys + 1, _FILL_AT_ONCE):
        engine.run(
            "EVAL", _FILL, 0, first, min(keys, first + _FILL_AT_ONCE - 1), "x" * _VALUE_BYTES
        )


def _time_start(sandbox: Sandbox, kind: str, keys: int) -> dict[str, Value]:
    """Kill the server, start it, and measure until it answers with everything loaded."""
    engine, server = redis(sandbox), sandbox.servers[SERVER]
    server.kill("its start is timed")
    size = sum(path.stat().st_size for path in engine.data.rglob("*") if path.is_file())
    began = time.monotonic()
    server.start("its start is timed")
    answers_ms = (time.monotonic() - began) * 1000
    loaded = [_LOADED.search(line) for line in server.log_tail(80)]
    loaded_ms = next((float(found.group(1)) * 1000 for found in reversed(loaded) if found), 0.0)
    return {
        "kind": kind,
        "keys": keys,
        "found": engine.count(),
        "file_mb": round(size / 1e6, 2),
        "loaded_ms": round(loaded_ms),
        "answers_ms": round(answers_ms),
    }
