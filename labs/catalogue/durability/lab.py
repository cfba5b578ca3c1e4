"""Durability: a server without a file, with snapshots, or with an append-only file.

What a process crash takes, what a power cut takes, and how long the next start takes.
"""

from __future__ import annotations

from labs.catalogue.durability import checks, guide, mutants, predictions
from labs.catalogue.durability.checks import Row
from labs.errors import NotNow
from labs.sandbox.experiment import make_ready, refuted
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal import bench, experiments, faults
from labs.setups.journal.bench import APPENDING, MODES, SERVER
from labs.setups.journal.faults import CRASH, POWER, journal

lab = bench.lab(
    "durability",
    title="Durability",
    view="How far the writes have come",
    question="Redis said OK. Is the write still there?",
    about="One server, one client that writes numbers, and two different faults: a process crash "
    "and a power cut. Compare what was acknowledged with what is there afterwards.",
    minutes=25,
    checks=(
        checks.memory_only,
        checks.crash_keeps,
        checks.told_apart,
        checks.snapshot_only,
        checks.always_keeps,
        checks.recovery,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
    on_server=faults.server_changed,
)


@lab.setting_changed
def begin_again(sandbox: Sandbox, control: str) -> None:
    """Start a server with the new configuration and an empty disk."""
    if control in ("mode", "server") or (
        control == "snapshot_s" and sandbox.settings["mode"] == "rdb"
    ):
        experiments.begin_again(sandbox, "it was configured again")


@lab.prepare
def show_problem(sandbox: Sandbox) -> None:
    """Say at once where this machine can't cut the power."""
    if problem := faults.power_problem(sandbox):
        sandbox.tabulate("power", [{"problem": problem}])
        sandbox.say(problem, "error")


@lab.action("Write a thousand", gear="view", primary=True)
def write_thousand(sandbox: Sandbox) -> str:
    faults.redis(sandbox)
    writer = journal(sandbox)
    if sandbox.load.running or writer.stepper.running:
        raise NotNow(
            "The writer is busy.", hint="Stop the load, or run the stepped write to its end."
        )
    before = writer.written
    experiments.write(sandbox, 1_000)
    sandbox.sampler.wake()
    now = writer.progress()
    return (
        f"{writer.written - before:,} writes were acknowledged. {now.in_memory:,} are in "
        f"memory, {now.in_kernel:,} in the kernel’s hands, {now.on_disk:,} on the disk."
    )


@lab.action(
    "Snapshot now",
    gear="view",
    here="the lab runs BGSAVE for you, because your own user may not.",
    aws="BGSAVE, SAVE and CONFIG are refused: a backup is started through the API, "
    "and goes to Amazon S3.",
)
def snapshot(sandbox: Sandbox) -> str:
    held = experiments.snapshot(sandbox)
    return (
        f"The snapshot is done. It holds {held:,} writes."
        if sandbox.settings["mode"] not in APPENDING
        else "The snapshot is done. With an append-only file the server will not start from it."
    )


@lab.action(
    "Crash the process (kill -9)",
    gear="break",
    fault=True,
    here="the process ends, its files stay as they are. Under load the lab waits for a moment in "
    "which part of the file is not synced.",
    aws="a node that fails is replaced. The new node gets its data from a replica, or is empty; "
    "you can’t read the disk of the old one.",
)
def crash(sandbox: Sandbox) -> str:
    faults.crash(sandbox)
    return "Redis was killed with signal 9. The kernel still has what Redis had handed to it."


@lab.action(
    "Cut the power",
    gear="break",
    fault=True,
    here="the lab notes each fsync of Redis. Then it kills the process, and cuts every file to the "
    "part that was synced. Under load it waits for a moment in which a part is not synced.",
    aws="there is no append-only file: Valkey doesn’t support it, nor does Redis OSS from 2.8.22 "
    "(28 September 2015). There are snapshots and replicas, and since 2 June 2026 durability for "
    "Valkey 9.0, a log in more than one zone.",
)
def cut_power(sandbox: Sandbox) -> str:
    done = faults.cut_power(sandbox)
    taken = sum(cut.before - cut.after for cut in done)
    return f"The power was cut. {taken:,} bytes had not been synced, and are gone."


@lab.action("Start it, and compare", gear="break")
def come_back(sandbox: Sandbox) -> str:
    if sandbox.servers[SERVER].state not in ("down", "stopped"):
        raise NotNow("Redis is running.", hint="Crash it or cut its power first.")
    row = faults.come_back(sandbox)
    _note(sandbox, row)
    return (
        f"Redis is back: {row['found']:,} of {row['acknowledged']:,} acknowledged writes are "
        f"there, {row['lost']:,} are lost."
    )


@lab.action(
    "Every mode, both faults",
    gear="view",
    deadline_s=60.0,
    measures=True,
    here="one server with its own disk.",
    aws="durability for Valkey 9.0 (sync: logged in two zones before the answer; async: up to 10 s "
    "at risk) can be switched on an existing cluster since 27 October 2026.",
)
def run_all(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    faults.redis(sandbox)
    with experiments.settings_kept(sandbox):
        for mode in MODES:
            for fault in (CRASH, POWER):
                try:
                    _note(sandbox, experiments.trial(sandbox, mode, fault))
                except NotNow as exc:
                    if fault == CRASH:
                        raise
                    return f"{MODES[mode]} has crashed. {exc}"
    return "Every mode has had both faults."


@lab.action("Time some starts", gear="view", deadline_s=40.0, measures=True)
def time_starts(sandbox: Sandbox) -> str:
    make_ready(sandbox)
    faults.redis(sandbox)
    with experiments.settings_kept(sandbox):
        rows = experiments.time_all_starts(sandbox)
    _note_starts(sandbox, rows)
    return (
        "Six starts were timed: the longest took "
        f"{max(float(row['answers_ms']) for row in rows):,.0f} ms."
    )


lab.prediction(
    "Every write is appended to a file that Redis never syncs (appendfsync no). In the middle of "
    "writes the process is killed with signal 9. How many acknowledged writes are lost?",
    unit="writes",
    unit_of_one="write",
    why="None. Redis had given each write to the kernel before it answered, and the kernel kept "
    "running. (With everysec a few can be lost: while a sync runs Redis answers before it writes.)",
)(predictions.crash)
lab.prediction(
    "The append-only file is synced every second, and in the middle of writes the power "
    "is cut. How many seconds of acknowledged writes are lost?",
    unit="s",
    decimals=2,
    slack=1.0,
    why="The writes since the last sync: a second of them at most, or two if the disk is slow.",
)(predictions.everysec_power)
lab.prediction(
    "Redis keeps no append-only file. A client makes 300 writes, Redis takes a snapshot, the "
    "client makes 300 more, and the process is killed. How many writes are found at the restart?",
    unit="writes",
    unit_of_one="write",
    why="The 300 that were in the snapshot. The others were only in the memory of the process.",
)(predictions.snapshot)
lab.prediction(
    "Redis syncs its append-only file before each answer (appendfsync always). One client makes "
    "300 writes, one after the other. How many syncs does Redis make?",
    unit="syncs",
    unit_of_one="sync",
    slack=30.0,
    why="One for each write, because the client sends the next write only after the answer. Many "
    "clients would share one sync.",
)(predictions.always_syncs)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    for mode, fault in (
        ("none", CRASH),
        ("everysec", CRASH),
        ("always", POWER),
        ("rdb", CRASH),
        ("everysec", POWER),
        ("no", POWER),
    ):
        _note(sandbox, experiments.trial(sandbox, mode, fault))
        # A client that counts too soon may have been lucky once: the run goes on until it has been
        # through a second mode.
        if mode not in ("none", "everysec") and refuted(sandbox):
            return
    _note_starts(sandbox, experiments.time_all_starts(sandbox))


def _note(sandbox: Sandbox, row: Row) -> None:
    """Note what lessons quote of a comparison after a crash or a power cut."""
    faults_by_name = {CRASH: "crash", POWER: "power"}
    if row["fault"] not in faults_by_name:
        return
    mode = next(name for name, label in MODES.items() if label == row["mode"])
    for part in ("acknowledged", "lost", "lost_s", "syncs"):
        note = f"{mode}_{faults_by_name[str(row['fault'])]}_{part}"
        sandbox.measurements[note] = float(row[part])


def _note_starts(sandbox: Sandbox, rows: list[Row]) -> None:
    """Note what lessons quote of the starts that were timed."""
    for row in rows:
        kind = "rdb" if row["kind"] == experiments.STARTS_FROM["rdb"] else "aof"
        sandbox.measurements[f"start_{kind}_{row['keys']:.0f}_ms"] = float(row["answers_ms"])
