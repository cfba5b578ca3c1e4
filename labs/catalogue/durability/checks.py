"""What a learner must have seen in the lab durability. The checks judge rows that compare what was
acknowledged with what the server held after its restart.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.bench import MODES, SYNCS_LATER
from labs.setups.journal.faults import CRASH, POWER, YOU, power_problem

Row = dict[str, Value]
EVIDENCE = "mode fault acknowledged found lost lost_s in_kernel unsynced_kb written syncs".split()
WRITES = 200
SYNCED_EACH = 0.9
_BREAK = (
    "Press “Write a thousand”. In the tab Break press “Crash the process (kill -9)”, then “Start "
    "it, and compare”."
)


def _row(sandbox: Sandbox, mode: str, fault: str) -> Row | None:
    """The newest comparison of a mode after a fault, if enough was acknowledged. It leaves out the
    experiments of predictions, which are not the learner’s own faults.
    """
    for row in sandbox.found.get("faults", []):
        if (row["mode"], row["fault"], row["by"]) == (MODES[mode], fault, YOU):
            return row if float(row["acknowledged"]) >= WRITES else None
    return None


def _evidence(row: Row) -> Row:
    return evidence_of(row, *EVIDENCE)


def _kept_by_kernel(row: Row) -> bool:
    """True if nothing is lost that was in the file.

    Redis may answer sooner than it writes: with everysec it holds writes back while a sync is under
    way.
    """
    return float(row["lost"]) <= max(0.0, float(row["acknowledged"]) - float(row["in_kernel"]))


@check("Without a file, a crash takes every acknowledged write")
def memory_only(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _row(sandbox, "none", CRASH),
        f"No server without a file has crashed yet after {WRITES} acknowledged writes.",
        hint=f"Set “What is kept on disk” to “none”. {_BREAK}",
    )
    if row["found"]:
        raise unmet(
            f"Redis still has {row['found']:,} writes after the crash, although it must keep no "
            "file.",
            _evidence(row),
            hint="A snapshot that you started is a file, too. Do the same again without "
            "“Snapshot now”.",
        )
    return met(
        f"Redis lost all {row['lost']:,} acknowledged writes with its process.", _evidence(row)
    )


@check("Snapshots keep what the last one held, and no more")
def snapshot_only(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _row(sandbox, "rdb", CRASH),
        f"No server with snapshots has crashed yet after {WRITES} acknowledged writes.",
        hint="Set “What is kept on disk” to “snapshots (RDB)”. Press “Write a thousand”, “Snapshot "
        "now” and “Write a thousand”; in the tab Break press “Crash the process (kill -9)”, then "
        "“Start it, and compare”.",
    )
    if not row["found"]:
        raise unmet(
            f"Redis lost all {row['lost']:,} acknowledged writes: it found no snapshot at its "
            "start.",
            _evidence(row),
            hint="Press “Snapshot now” before the crash, and wait until the page says that the "
            "snapshot is done.",
        )
    if not row["lost"]:
        raise unmet(
            f"Redis still has all {row['found']:,} writes: none came after the last snapshot.",
            _evidence(row),
            hint="Press “Write a thousand” once more after “Snapshot now”, before you crash the "
            "process.",
        )
    return met(
        f"The last snapshot held {row['found']:,} writes. Redis lost the {row['lost']:,} that came "
        f"after it, {row['lost_s']:.2f} s of writes.",
        _evidence(row),
    )


@check("A process crash takes nothing that reached the kernel")
def crash_keeps(sandbox: Sandbox) -> Verdict:
    seen = require_seen(
        [row for mode in SYNCS_LATER if (row := _row(sandbox, mode, CRASH))],
        "No server that syncs its append-only file later has crashed yet.",
        hint="Set “What is kept on disk” to “AOF everysec” and press “Start the load” in the tab "
        "Load. While it runs, press “Crash the process (kill -9)” in the tab Break, then “Start "
        "it, and compare”.",
    )
    lost = next((row for row in seen if not row["in_kernel"] or not _kept_by_kernel(row)), None)
    if lost is not None:
        raise unmet(
            f"{lost['mode']}: Redis lost {lost['lost']:,} acknowledged writes in the crash. "
            f"{lost['in_kernel']:,} had reached the kernel.",
            _evidence(lost),
            hint="Under “Console” type “INFO persistence”: aof_enabled must be 1, so that Redis "
            "appends every write to a file.",
        )
    ahead = max(seen, key=lambda row: float(row["unsynced_kb"]))
    if not ahead["unsynced_kb"]:
        raise unmet(
            "Redis had synced its whole file before the crash, so the kernel had nothing to keep.",
            _evidence(ahead),
            hint="Press “Start the load” in the tab Load, and crash the process while it runs.",
        )
    late = (
        f" Redis lost {ahead['lost']:,} that it had acknowledged but not yet written, because it "
        "was waiting for a sync."
        if ahead["lost"]
        else ""
    )
    return met(
        f"{ahead['mode']}: Redis found {ahead['found']:,} of {ahead['acknowledged']:,} writes "
        f"after the crash. The kernel had kept {ahead['unsynced_kb']:,.1f} KB that were not "
        f"synced.{late}",
        _evidence(ahead),
    )


@check("A loss of power takes what was not synced: the same mode, another fault")
def told_apart(sandbox: Sandbox) -> Verdict:
    _require_power_cuts(sandbox)
    for mode in SYNCS_LATER:
        crashed, dark = _row(sandbox, mode, CRASH), _row(sandbox, mode, POWER)
        if crashed is None or dark is None or not _kept_by_kernel(crashed):
            continue
        evidence: dict[str, Value] = {
            "mode": MODES[mode],
            **evidence_of(crashed, "acknowledged", "lost", prefix="crash_"),
            **evidence_of(dark, "acknowledged", "lost", "lost_s", "unsynced_kb", prefix="power_"),
        }
        if not dark["lost"]:
            raise unmet(
                f"{MODES[mode]}: the power cut took no write, because Redis had just synced all.",
                evidence,
                hint="Press “Start the load” in the tab Load, and cut the power while it runs.",
            )
        return met(
            f"{MODES[mode]}: the crash took {crashed['lost']:,} of {crashed['acknowledged']:,} "
            f"writes. The power cut took {dark['lost']:,} of {dark['acknowledged']:,}: the last "
            f"{dark['lost_s']:.2f} s.",
            evidence,
        )
    raise unmet(
        "No server that syncs later has had both a crash and a power cut yet.",
        hint="Set “What is kept on disk” to “AOF everysec” and press “Start the load” in the tab "
        "Load. In the tab Break press “Crash the process (kill -9)”, then “Start it, and compare”; "
        "start the load again, and do the same with “Cut the power”.",
    )


@check("A server that syncs before it answers loses no acknowledged write")
def always_keeps(sandbox: Sandbox) -> Verdict:
    _require_power_cuts(sandbox)
    row = require_seen(
        _row(sandbox, "always", POWER),
        "No server that syncs before it answers has lost its power yet.",
        hint="Set “What is kept on disk” to “AOF always” and press “Write a thousand”. In the tab "
        "Break press “Cut the power”, then “Start it, and compare”.",
    )
    if float(row["written"]) < WRITES:
        raise unmet(
            f"Redis had only {row['written']:,} writes since its last start when the power was "
            "cut.",
            _evidence(row),
            hint="Press “Write a thousand” first: older writes had survived an earlier fault. Then "
            "press “Cut the power” in the tab Break, and “Start it, and compare”.",
        )
    if row["lost"]:
        raise unmet(
            f"Redis lost {row['lost']:,} of {row['acknowledged']:,} acknowledged writes. It made "
            f"{row['syncs']:,} syncs.",
            _evidence(row),
            hint="Compare syncs and writes under “How this was counted”: a server that syncs "
            "before each answer makes one sync for each write.",
        )
    if float(row["syncs"]) < SYNCED_EACH * float(row["written"]):
        raise unmet(
            f"Redis lost no write, but it made {row['syncs']:,} syncs for {row['written']:,} "
            "writes.",
            _evidence(row),
            hint="Redis must sync each write before it answers. Set “What is kept on disk” to “AOF "
            "no” and back to “AOF always”, press “Write a thousand”, and cut the power again.",
        )
    return met(
        f"Redis lost none of {row['acknowledged']:,} acknowledged writes. It synced "
        f"{row['syncs']:,} times for {row['written']:,} writes.",
        _evidence(row),
    )


@check("A start takes longer the more there is to read")
def recovery(sandbox: Sandbox) -> Verdict:
    rows = sandbox.found.get("starts", [])
    for kind in sorted({str(row["kind"]) for row in rows}):
        mine = sorted(
            (row for row in rows if row["kind"] == kind), key=lambda row: float(row["keys"])
        )
        if len(mine) < 3:
            continue
        small, large = mine[0], mine[-1]
        evidence: dict[str, Value] = {
            "kind": kind,
            "keys_small": small["keys"],
            "answers_ms_small": small["answers_ms"],
            "keys_large": large["keys"],
            "file_mb_large": large["file_mb"],
            "loaded_ms_large": large["loaded_ms"],
            "answers_ms_large": large["answers_ms"],
        }
        if any(row["found"] != row["keys"] for row in mine):
            raise unmet(
                "Redis did not find all of its keys after a start.",
                evidence,
                hint="Press “Time some starts” again. If keys are missing again, look at the log "
                "of Redis.",
            )
        if float(large["loaded_ms"]) > float(small["loaded_ms"]):
            return met(
                f"{kind}: Redis answered after {small['answers_ms']:,} ms with {small['keys']:,} "
                f"keys, and after {large['answers_ms']:,} ms with {large['keys']:,}.",
                evidence,
            )
    raise unmet(
        "No start has been timed with three numbers of keys yet.",
        hint="Press “Time some starts”. If the load runs, press “Stop the load” in the tab Load "
        "first.",
    )


def _require_power_cuts(sandbox: Sandbox) -> None:
    """Unmet where this machine can't cut the power."""
    if problem := power_problem(sandbox):
        raise unmet(
            problem,
            hint="This check needs a Linux machine that allows seccomp’s user notification. The "
            "other checks don’t.",
        )
