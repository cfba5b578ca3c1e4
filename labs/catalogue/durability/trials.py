"""Faults of one Redis under numbered writes: bring one about, start the server again, compare.

Each leaves a row in the table `faults`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from labs.engines import Redis
from labs.engines.redis import parse_info
from labs.errors import NotNow, ServerDown
from labs.events import Said, Value
from labs.runtime.disk import Cut
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.journal import Loss, WriteJournal
from labs.setups.journal.progress import WriteProgress

SERVER = "redis"
CRASH, POWER, RESTART = "process crash", "power cut", "clean restart"
MODES = {
    "none": "none",
    "rdb": "snapshots (RDB)",
    "everysec": "AOF everysec",
    "always": "AOF always",
    "no": "AOF no",
}
AOF = ("everysec", "always", "no")
YOU, EXPERIMENT = "you", "an experiment"
"""Who brought a fault about.

Checks judge the learner’s own; an experiment of a prediction leaves its row beside it.
"""
SIZES = (5_000, 20_000, 60_000)
FAST_PER_S, AT_LEAST = 5_000, 300
SAVED_WITHIN_S, SAVED_BY_ITSELF_S, UNSYNCED_WITHIN_S = 8.0, 4.0, 1.5
_FILL_AT_ONCE, _VALUE_BYTES = 1_000, 100
_FILL = (
    "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('SET', 'size:' .. i, ARGV[3]) end"
)
_LOADED = re.compile(r"DB loaded from .*?: ([0-9.]+) seconds")


@dataclass(frozen=True, slots=True)
class Start:
    """A start of the server: how many writes had been acknowledged, how many syncs noted until
    then.
    """

    written: int
    syncs: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What ended the server: how many writes its file held then, bytes of it that were not synced,
    and the writes and syncs since its start.
    """

    kind: str
    in_kernel: int
    unsynced_bytes: int
    written: int
    syncs: int


def writer_of(sandbox: Sandbox) -> WriteJournal:
    """The sandbox's writer of numbers."""
    return sandbox.part(WriteJournal)


def redis_of(sandbox: Sandbox) -> Redis:
    """The server's engine. NotNow if nothing real runs here, or it is down."""
    server = sandbox.servers[SERVER]
    if not isinstance(server.engine, Redis):
        raise NotNow("Nothing real runs in this sandbox.")
    if server.state != "up":
        raise NotNow("Redis is not up.", hint="Restart it first.")
    return server.engine


def begin_anew(sandbox: Sandbox, why: str) -> None:
    """Another server with the settings as they are, an empty disk, and number 1."""
    sandbox.stop_load()
    server = sandbox.servers[SERVER]
    if server.state in ("up", "paused"):
        # Nothing of it is kept, so it need not be asked to end well.
        server.kill(why)
    sandbox.remove(SERVER, why)
    if server.disk is not None:
        server.disk.clear()
    sandbox.add(SERVER, why)
    writer_of(sandbox).restarted()
    _start(sandbox)


def choose(sandbox: Sandbox, mode: str, **more: Value) -> None:
    """A mode, and other settings, for an experiment on an empty disk."""
    same = sandbox.settings["mode"] == mode
    for control, value in {**more, "mode": mode}.items():
        sandbox.set(control, value)
    if same:
        begin_anew(sandbox, "an experiment begins")


@contextmanager
def settings_kept(sandbox: Sandbox) -> Iterator[None]:
    """The learner's own settings again after an experiment, on an empty disk."""
    before = dict(sandbox.settings)
    try:
        yield
    finally:
        same = sandbox.settings["mode"] == before["mode"]
        for control in ("mode", "snapshot_s", "rate_per_s"):
            sandbox.set(control, before[control])
        if same:
            begin_anew(sandbox, "the experiment is over")


@contextmanager
def experiment(sandbox: Sandbox) -> Iterator[None]:
    """An experiment of a prediction: the learner's own settings again afterwards, and its rows say
    that they are an experiment's.
    """
    with settings_kept(sandbox):
        writer_of(sandbox).experimenting = True
        try:
            yield
        finally:
            writer_of(sandbox).experimenting = False


def write_for(sandbox: Sandbox, seconds: float, at_least: int, *, deadline_s: float = 6.0) -> None:
    """Let the writer run for so long, and until so many numbers were acknowledged; it goes on
    running.
    """
    writer = writer_of(sandbox)
    begun, had = time.monotonic(), writer.written
    if not sandbox.load.running:
        sandbox.start_load()
    sandbox.wait_until(
        lambda: time.monotonic() - begun >= seconds and writer.written - had >= at_least,
        deadline_s=deadline_s,
    )


def write_until_saved(sandbox: Sandbox) -> None:
    """Let the writer run until a snapshot that the server took by itself is done, or a few
    seconds.
    """
    write_for(sandbox, 0.0, AT_LEAST)
    sandbox.wait_until(
        lambda: writer_of(sandbox).progress().in_kernel > 0,
        deadline_s=SAVED_BY_ITSELF_S,
        every_s=0.05,
    )


def write_unsynced(sandbox: Sandbox) -> None:
    """Let the writer run until the server's file holds more than the disk does."""
    sandbox.wait_until(
        lambda: writer_of(sandbox).progress().unsynced_bytes > 0, deadline_s=UNSYNCED_WITHIN_S
    )


def snapshot(sandbox: Sandbox) -> int:
    """Have the server write a snapshot, and wait for it: how many keys it held when it was done."""
    engine = redis_of(sandbox)
    with suppress(ServerDown):  # one is being written already
        engine.run("BGSAVE")
    if not sandbox.wait_until(
        lambda: _persistence(engine)["rdb_bgsave_in_progress"] == "0", deadline_s=SAVED_WITHIN_S
    ):
        raise NotNow("The snapshot is not done yet.", hint="Look again in a moment.")
    if _persistence(engine)["rdb_last_bgsave_status"] != "ok":
        raise NotNow("The snapshot failed.", hint="The server's log says why.")
    return writer_of(sandbox).progress().in_kernel


def noted(sandbox: Sandbox, server: str, verb: str) -> None:
    """After a server was killed or restarted, by whomever: note the fault, or compare what came
    back.
    """
    if server != SERVER or not isinstance(sandbox.servers[SERVER].engine, Redis):
        return
    if verb == "kill":
        progress = writer_of(sandbox).progress()
        _fault(sandbox, CRASH, progress.in_kernel, progress.unsynced_bytes)
    elif verb == "restart":
        compare(sandbox)


def crash(sandbox: Sandbox) -> None:
    """Kill the server with signal 9."""
    redis_of(sandbox)
    sandbox.server(SERVER, "kill")


def cut_power(sandbox: Sandbox) -> list[Cut]:
    """Take the power from the server: its processes die, and what was not synced is gone.

    NotNow where that can't be had.
    """
    server = sandbox.servers[SERVER]
    found: list[WriteProgress] = []
    done = server.cut_power(look=lambda: found.append(writer_of(sandbox).progress(dead=True)))
    _fault(sandbox, POWER, found[0].in_kernel, sum(cut.before - cut.after for cut in done))
    gone = "; ".join(
        f"{cut.path.rpartition('/')[2]} "
        f"{'is gone' if cut.gone else f'is cut from {cut.before:,} to {cut.after:,} bytes'}"
        for cut in done[:3]
    )
    sandbox.say(f"The power was cut: {gone or 'every file was synced to its last byte'}", "error")
    sandbox.emit(
        Said(
            text="The power was cut. What the kernel had not yet put on the disk is gone, with "
            "all that was in memory.",
            strong="The power was cut.",
        )
    )
    return done


def come_back(sandbox: Sandbox) -> dict[str, Value]:
    """Start the server again and compare; the row of the table."""
    sandbox.server(SERVER, "restart")
    return sandbox.found["faults"][0]


def compare(sandbox: Sandbox) -> Loss:
    """After a start: what is there, beside what was acknowledged. Adds the row."""
    writer = writer_of(sandbox)
    loss = writer.compare()
    noted_fault = next(
        (one for one in reversed(sandbox.ledger.observations) if isinstance(one, Fault | Start)),
        None,
    )
    fault = noted_fault if isinstance(noted_fault, Fault) else Fault(RESTART, loss.found, 0, 0, 0)
    row: dict[str, Value] = {
        "mode": MODES[str(sandbox.settings["mode"])],
        "fault": fault.kind,
        "by": EXPERIMENT if writer.experimenting else YOU,
        "acknowledged": loss.acknowledged,
        "found": loss.found,
        "lost": loss.lost,
        "lost_s": round(loss.lost_s, 3),
        "in_kernel": fault.in_kernel,
        "unsynced_kb": round(fault.unsynced_bytes / 1024, 1),
        "written": fault.written,
        "syncs": fault.syncs,
    }
    rows = [
        old
        for old in sandbox.found.get("faults", [])
        if any(old[part] != row[part] for part in ("mode", "fault", "by"))
    ]
    sandbox.tabulate("faults", [row, *rows])
    _start(sandbox)
    sandbox.sampler.wake()
    text = (
        f"After the {fault.kind}: {loss.found:,} of {loss.acknowledged:,} acknowledged "
        f"writes are there, {loss.lost:,} are lost."
    )
    sandbox.say(text, "error" if loss.lost else "here")
    sandbox.emit(Said(text=text, strong=f"{loss.lost:,} are lost."))
    return loss


def _start(sandbox: Sandbox) -> None:
    writer = writer_of(sandbox)
    sandbox.ledger.observations.append(Start(writer.written, writer.progress().syncs))


def _fault(sandbox: Sandbox, kind: str, in_kernel: int, unsynced_bytes: int) -> None:
    writer = writer_of(sandbox)
    writer.wait_for_reports()
    start = next(
        (one for one in reversed(sandbox.ledger.observations) if isinstance(one, Start)),
        Start(0, 0),
    )
    sandbox.ledger.observations.append(
        Fault(
            kind,
            in_kernel,
            unsynced_bytes,
            writer.written - start.written,
            writer.progress().syncs - start.syncs,
        )
    )
    sandbox.sampler.wake()


def _persistence(engine: Redis) -> dict[str, str]:
    return parse_info(engine.run("INFO", "persistence"))


def fill(sandbox: Sandbox, keys: int, *, since: int = 0) -> None:
    """So many keys of 100 bytes, made by the server itself."""
    engine = redis_of(sandbox)
    for first in range(since + 1, keys + 1, _FILL_AT_ONCE):
        engine.run(
            "EVAL", _FILL, 0, first, min(keys, first + _FILL_AT_ONCE - 1), "x" * _VALUE_BYTES
        )


def time_start(sandbox: Sandbox, kind: str, keys: int) -> dict[str, Value]:
    """Kill the server, start it, and say how long it took until it answered with everything
    loaded.
    """
    engine, server = redis_of(sandbox), sandbox.servers[SERVER]
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
