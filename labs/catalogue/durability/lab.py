"""Durability: none, snapshots, an append-only file.

What a process crash takes, what a loss of power takes, and how long a start takes then.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labs.caching import numbered
from labs.catalogue.durability import trials
from labs.catalogue.durability.checks import CHECKS
from labs.catalogue.durability.trials import AOF, CRASH, MODES, POWER, SERVER
from labs.catalogue.durability.wrong import WRONG
from labs.errors import NotNow
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Column,
    Control,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Steppable,
    Strategy,
    Table,
    Topology,
    tolerances,
)
from labs.sandbox.experiment import refuted
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.journal import WriteJournal

PREDICTED = 300
WRITE_WITHIN_S = 8.0
TOLERANCES = tolerances.of(Path(__file__).parent)
FORKS = {"redis": "redis-server", "valkey": "valkey-server"}
_KINDS = {"rdb": "snapshot (RDB)", "no": "append-only file (AOF)"}


def options(settings: Mapping[str, Value]) -> Mapping[str, Any]:
    """How the server is configured in the mode that is chosen."""
    mode = str(settings["mode"])
    directives = {
        "save": f"{settings['snapshot_s']:g} 1" if mode == "rdb" else '""',
        "appendonly": "yes" if mode in AOF else "no",
        "auto-aof-rewrite-percentage": "0",
    }
    if mode in AOF:
        directives["appendfsync"] = mode
    return {
        "noted": True,
        "program": FORKS[str(settings.get("server", "redis"))],
        "maxmemory_mb": 96,
        "maxmemory_policy": "noeviction",
        "directives": directives,
    }


def changed(sandbox: Sandbox, control: str) -> None:
    """Another configuration is another server: it begins with an empty disk."""
    if control in ("mode", "server") or (
        control == "snapshot_s" and sandbox.settings["mode"] == "rdb"
    ):
        trials.begin_anew(sandbox, "it was configured anew")


def prepare(sandbox: Sandbox) -> None:
    """Say at once where a loss of power can't be had."""
    disk = sandbox.servers[SERVER].disk
    if disk is not None and disk.problem:
        sandbox.tabulate("power", [{"problem": disk.problem}])
        sandbox.say(disk.problem, "error")


def write_thousand(sandbox: Sandbox) -> str:
    """A thousand writes, one after the other."""
    trials.redis_of(sandbox)
    writer = trials.writer_of(sandbox)
    if sandbox.load.running or writer.stepper.running:
        raise NotNow(
            "The writer is busy.", hint="Stop the load, or run the stepped write to its end."
        )
    before = writer.written
    _write(sandbox, 1_000)
    sandbox.sampler.wake()
    now = writer.progress()
    return (
        f"{writer.written - before:,} writes were acknowledged. {now.in_memory:,} are in "
        f"memory, {now.in_kernel:,} in the kernel’s hands, {now.on_disk:,} on the disk."
    )


def take_snapshot(sandbox: Sandbox) -> str:
    """BGSAVE, and wait for it."""
    held = trials.snapshot(sandbox)
    return (
        f"The snapshot is done. It holds {held:,} writes."
        if sandbox.settings["mode"] not in AOF
        else "The snapshot is done. With an append-only file the server will not start from it."
    )


def crash(sandbox: Sandbox) -> str:
    """Kill the process with signal 9."""
    trials.crash(sandbox)
    return "Redis was killed with signal 9. The kernel still has what Redis had handed to it."


def cut_power(sandbox: Sandbox) -> str:
    """The power goes."""
    done = trials.cut_power(sandbox)
    taken = sum(cut.before - cut.after for cut in done)
    return f"The power was cut. {taken:,} bytes had not been synced, and are gone."


def come_back(sandbox: Sandbox) -> str:
    """Start it again, and compare."""
    if sandbox.servers[SERVER].state not in ("down", "stopped"):
        raise NotNow("Redis runs.", hint="Break it first.")
    row = trials.come_back(sandbox)
    return (
        f"Redis is back: {row['found']:,} of {row['acknowledged']:,} acknowledged writes are "
        f"there, {row['lost']:,} are lost."
    )


def run_all(sandbox: Sandbox) -> str:
    """Every mode through both faults."""
    trials.redis_of(sandbox)
    with trials.settings_kept(sandbox):
        for mode in MODES:
            for fault in (CRASH, POWER):
                try:
                    _trial(sandbox, mode, fault)
                except NotNow as exc:
                    if fault == CRASH:
                        raise
                    return f"{MODES[mode]} has crashed. {exc}"
    return "Every mode has been through both faults."


def time_starts(sandbox: Sandbox) -> str:
    """Starts from both kinds of file, at three sizes."""
    trials.redis_of(sandbox)
    with trials.settings_kept(sandbox):
        _time_starts(sandbox)
    rows = sandbox.found["starts"]
    return (
        "Six starts were timed: the longest took "
        f"{max(float(row['answers_ms']) for row in rows):,.0f} ms."
    )


def measure_crash(sandbox: Sandbox) -> float:
    """AOF no, kill -9 under writes: how many acknowledged are lost."""
    trials.redis_of(sandbox)
    with trials.experiment(sandbox):
        return float(_trial(sandbox, "no", CRASH)["lost"])


def measure_everysec_power(sandbox: Sandbox) -> float:
    """AOF everysec, a power cut under writes: seconds of acknowledged writes that are lost."""
    trials.redis_of(sandbox)
    with trials.experiment(sandbox):
        return float(_trial(sandbox, "everysec", POWER)["lost_s"])


def measure_snapshot(sandbox: Sandbox) -> float:
    """A snapshot after 300 writes, 300 more, kill -9: how many are found."""
    trials.redis_of(sandbox)
    with trials.experiment(sandbox):
        trials.choose(sandbox, "none")
        _write(sandbox, PREDICTED)
        trials.snapshot(sandbox)
        _write(sandbox, PREDICTED)
        trials.crash(sandbox)
        return float(trials.come_back(sandbox)["found"])


def measure_always_syncs(sandbox: Sandbox) -> float:
    """AOF always: how many syncs 300 writes of one client cost."""
    trials.redis_of(sandbox)
    writer = trials.writer_of(sandbox)
    with trials.experiment(sandbox):
        trials.choose(sandbox, "always")
        disk = sandbox.servers[SERVER].disk
        if disk is not None and disk.problem:
            raise NotNow(disk.problem)
        before = writer.progress()
        _write(sandbox, PREDICTED)
        return float(writer.progress().syncs - before.syncs)


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    for mode, fault in (
        ("none", CRASH),
        ("everysec", CRASH),
        ("always", POWER),
        ("rdb", CRASH),
        ("everysec", POWER),
        ("no", POWER),
    ):
        row = _trial(sandbox, mode, fault)
        name = f"{mode}_{'crash' if fault == CRASH else 'power'}"
        (
            note[f"{name}_acknowledged"],
            note[f"{name}_lost"],
            note[f"{name}_lost_s"],
            note[f"{name}_syncs"],
        ) = (float(row[part]) for part in ("acknowledged", "lost", "lost_s", "syncs"))
        # A client that counts too soon may have been lucky once: it is not let go before the second
        # mode.
        if mode not in ("none", "everysec") and refuted(sandbox):
            return
    _time_starts(sandbox)
    for row in sandbox.found["starts"]:
        kind = "rdb" if row["kind"] == _KINDS["rdb"] else "aof"
        note[f"start_{kind}_{row['keys']:.0f}_ms"] = float(row["answers_ms"])


def _trial(sandbox: Sandbox, mode: str, fault: str) -> dict[str, Value]:
    """Writes in a mode, a fault in the middle of them, and what is there when the server is
    back.
    """
    trials.choose(
        sandbox, mode, rate_per_s=trials.FAST_PER_S, **({"snapshot_s": 1} if mode == "rdb" else {})
    )
    if mode == "rdb":
        trials.write_until_saved(sandbox)
    # everysec syncs every second: the fault comes between two of them.
    trials.write_for(
        sandbox, 1.4 if mode == "everysec" and fault == POWER else 0.3, trials.AT_LEAST
    )
    if mode in ("everysec", "no"):
        trials.write_unsynced(sandbox)
    if fault == CRASH:
        trials.crash(sandbox)
    else:
        trials.cut_power(sandbox)
    sandbox.stop_load()
    return trials.come_back(sandbox)


def _write(sandbox: Sandbox, count: int) -> None:
    """So many writes, one after the other, told to nobody; fewer if they take too long."""
    writer = trials.writer_of(sandbox)
    wanted, until = writer.acknowledged + count, time.monotonic() + WRITE_WITHIN_S
    while writer.acknowledged < wanted and time.monotonic() < until:
        writer.write()


def _time_starts(sandbox: Sandbox) -> None:
    for mode, kind in _KINDS.items():
        trials.choose(sandbox, mode)
        for index, keys in enumerate(trials.SIZES):
            trials.fill(sandbox, keys, since=trials.SIZES[index - 1] if index else 0)
            if mode == "rdb":
                trials.snapshot(sandbox)
            row = trials.time_start(sandbox, kind, keys)
            rows = [
                old
                for old in sandbox.found.get("starts", [])
                if (old["kind"], old["keys"]) != (row["kind"], row["keys"])
            ]
            sandbox.tabulate("starts", [*rows, row])


def _controls() -> tuple[Control, ...]:
    valkey = (
        (
            Choice(
                "server",
                "Server",
                (("redis", "Redis"), ("valkey", "Valkey")),
                "redis",
                help="Another server begins with an empty disk.",
            ),
        )
        if shutil.which(FORKS["valkey"])
        else ()
    )
    return (
        Choice(
            "mode",
            "What is kept on disk",
            tuple(MODES.items()),
            "everysec",
            help="Another mode is another server: it begins empty, with number 1.",
        ),
        Number(
            "snapshot_s",
            "A snapshot every",
            1,
            3_600,
            1,
            60,
            unit="s",
            scale="log",
            help="In the mode with snapshots, if anything changed. Redis’s own default is an "
            "hour after one change, a minute after 10,000.",
        ),
        Number(
            "rate_per_s",
            "Writes wanted",
            10,
            10_000,
            10,
            1_000,
            unit="/s",
            scale="log",
            gear="load",
            help="One client: it sends a number when the one before is answered, so it may get "
            "fewer.",
        ),
        *valkey,
    )


lab = Lab(
    id="durability",
    title="Durability",
    question="It said OK. Is it still there?",
    about="One server, one client that writes numbers, and two faults that are not the same: a "
    "process crash and a loss of power. Compare what was acknowledged with what is there "
    "afterwards.",
    minutes=25,
    topology=Topology(
        nodes=(
            Node("app", "Writer", "app"),
            Node(SERVER, "Redis", "redis", about="one server and its disk", options_of=options),
        ),
        links=(Link(SERVER, "app", SERVER),),
    ),
    controls=_controls(),
    strategies={"numbered": Strategy("numbered", "Numbered writes", numbered.find, numbered.write)},
    pick_strategy=lambda _settings: "numbered",
    requests=(
        Steppable("write", "Write the next", "When a write counts"),
        Steppable("read", "Look one up", "Is it still there?"),
    ),
    item="Number to look up",
    actions=(
        Action("write-thousand", "Write a thousand", "view", write_thousand, primary=True),
        Action(
            "snapshot",
            "Snapshot now",
            "view",
            take_snapshot,
            here="BGSAVE by our own user; yours may not.",
            aws="BGSAVE, SAVE and CONFIG are refused: a backup is asked for through the API, "
            "and goes to Amazon S3.",
        ),
        Action(
            "crash",
            "Crash the process (kill -9)",
            "break",
            crash,
            fault=True,
            here="the process ends, its files stay as they are.",
            aws="a node that fails is replaced, and comes back from a replica or empty: its "
            "local disk is not yours to read.",
        ),
        Action(
            "cut-power",
            "Cut the power",
            "break",
            cut_power,
            fault=True,
            here="each fsync is noted as Redis makes it; the process is killed, and every file "
            "is cut to what had been synced.",
            aws="no append-only file: not supported since Redis OSS 2.8.22, of 28 September "
            "2015, nor on Valkey. Snapshots and replicas; since 2 June 2026 also durability "
            "for Valkey 9.0, a log in more than one zone.",
        ),
        Action("come-back", "Start it, and compare", "break", come_back),
        Action(
            "run-all",
            "Every mode, both faults",
            "view",
            run_all,
            deadline_s=60.0,
            here="one server with its own disk.",
            aws="durability for Valkey 9.0 (sync: logged in two zones before the answer; async: "
            "up to 10 s at risk) can be switched on an existing cluster since 27 October "
            "2026.",
        ),
        Action("time-starts", "Time some starts", "view", time_starts, deadline_s=40.0),
    ),
    checks=CHECKS,
    charts=(
        Chart(
            "How far the writes have come", ("acknowledged", "in_memory", "in_kernel", "on_disk")
        ),
        Chart("Writes and syncs", ("writes_per_s", "syncs_per_s")),
        Chart("A write takes, from the client and back", ("write_p50_ms", "write_p99_ms"), "log"),
    ),
    tiles=("acknowledged", "in_kernel", "on_disk", "syncs_per_s", "writes_per_s", "write_p50_ms"),
    tables=(
        Table(
            "faults",
            "What each fault took",
            (
                Column("mode", "Mode"),
                Column("fault", "Fault"),
                Column("by", "By", help="What an experiment of a prediction saw, no check judges"),
                Column("acknowledged", "Acknowledged", sense="write"),
                Column("found", "Found", sense="hit"),
                Column("lost", "Lost", sense="error"),
                Column(
                    "lost_s",
                    "Lost",
                    "s",
                    2,
                    help="How long the client had been writing what is lost",
                ),
                Column(
                    "in_kernel",
                    "In the file",
                    help="Writes that had reached the kernel when the fault came; of snapshots, "
                    "the last one’s",
                ),
                Column(
                    "unsynced_kb",
                    "Not synced",
                    "KB",
                    1,
                    help="Of the append-only file, when the fault came",
                ),
                Column("written", "Writes"),
                Column(
                    "syncs", "Syncs", help="Calls of fsync and fdatasync since the server’s start"
                ),
            ),
            empty="Write something, break the server, start it again.",
        ),
        Table(
            "starts",
            "How long a start takes",
            (
                Column("kind", "It reads a"),
                Column("keys", "Keys"),
                Column("file_mb", "Files", "MB", 1),
                Column("loaded_ms", "Loading", "ms", help="By the server’s own log"),
                Column("answers_ms", "Until it answers", "ms"),
                Column("found", "Keys there"),
            ),
            empty="No start has been timed.",
        ),
        Table(
            "power", "Where no loss of power can be had", (Column("problem", "Why"),), shown=False
        ),
    ),
    predictions=(
        Prediction(
            "crash",
            "Every write is appended to a file that Redis never syncs (appendfsync no). In the "
            "middle of writes the process is killed with signal 9. How many acknowledged writes "
            "are lost?",
            measure_crash,
            unit="writes",
            unit_of_one="write",
            why="None. Redis had handed each to the kernel before it answered, and the kernel "
            "did not die. (With everysec a few can go: while a sync is under way Redis "
            "answers before it writes.)",
        ),
        Prediction(
            "everysec-power",
            "The append-only file is synced every second, and in the middle of writes the power "
            "is cut. How many seconds of acknowledged writes are lost?",
            measure_everysec_power,
            unit="s",
            decimals=2,
            tolerance=TOLERANCES.get("everysec-power", 0.0),
            slack=1.0,
            why="What came since the last sync: up to a second, or two if the disk is slow.",
        ),
        Prediction(
            "snapshot",
            "No append-only file. 300 writes, a snapshot, 300 more, and the process is killed. "
            "How many are found?",
            measure_snapshot,
            unit="writes",
            why="The 300 that were in the snapshot.",
        ),
        Prediction(
            "always-syncs",
            "The append-only file is synced always. One client makes 300 writes, one after the "
            "other. How many syncs?",
            measure_always_syncs,
            unit="syncs",
            tolerance=TOLERANCES.get("always-syncs", 0.0),
            slack=30.0,
            why="One for each: the next write comes when the one before is answered. Many "
            "clients would share one.",
        ),
    ),
    mutants=WRONG,
    on_prepare=prepare,
    parts=(partial(WriteJournal, server=SERVER),),
    on_setting=changed,
    on_server=trials.noted,
    run_reference=reference,
)
