"""What must be seen in the lab durability: judged by rows that compare what was acknowledged with
what the server held when it was back.
"""

from __future__ import annotations

from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.bench import MODES
from labs.setups.journal.faults import CRASH, POWER, YOU, power_problem

Row = dict[str, Value]
EVIDENCE = "mode fault acknowledged found lost lost_s in_kernel unsynced_kb written syncs".split()
WRITES = 200
SYNCED_EACH = 0.9
_MORE = "Write more before you break it."


def _row(sandbox: Sandbox, mode: str, fault: str) -> Row | None:
    """The newest comparison of a mode after a fault, if enough was acknowledged; what an experiment
    of a prediction saw is not the learner’s.
    """
    for row in sandbox.found.get("faults", []):
        if (row["mode"], row["fault"], row["by"]) == (MODES[mode], fault, YOU):
            return row if float(row["acknowledged"]) >= WRITES else None
    return None


def _evidence(row: Row) -> Row:
    return evidence_of(row, *EVIDENCE)


def _kept_by_kernel(row: Row) -> bool:
    """True if nothing is lost that stood in the file.

    Redis may answer sooner than it writes: with everysec it holds writes back while a sync is under
    way.
    """
    return float(row["lost"]) <= max(0.0, float(row["acknowledged"]) - float(row["in_kernel"]))


@check("Kept in memory alone, everything goes with the process")
def memory_only(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _row(sandbox, "none", CRASH),
        "Nothing was acknowledged by a server that keeps no file, which then crashed.",
        hint=f"Which mode keeps nothing but memory? {_MORE}",
    )
    if row["found"]:
        raise unmet(
            f"{row['found']:,} writes are there, though the server was to keep no file.",
            _evidence(row),
            hint="Where did they come from? Look for a snapshot that was asked for.",
        )
    return met(f"All {row['lost']:,} acknowledged writes went with the process.", _evidence(row))


@check("Snapshots keep what the last one held, and no more")
def snapshot_only(sandbox: Sandbox) -> Verdict:
    row = require_seen(
        _row(sandbox, "rdb", CRASH),
        "A server with snapshots has not crashed yet.",
        hint=f"Take a snapshot while writes go on, then crash. {_MORE}",
    )
    if not row["found"]:
        raise unmet(
            f"All {row['lost']:,} acknowledged writes are lost: the start found no snapshot.",
            _evidence(row),
            hint="Was a snapshot ever finished, and is it where the server looks for it? Its "
            "log says so.",
        )
    if not row["lost"]:
        raise unmet(
            f"All {row['found']:,} are there: nothing was written after the last snapshot.",
            _evidence(row),
            hint="Let writes go on after the snapshot before you crash it.",
        )
    return met(
        f"{row['found']:,} were in the last snapshot. The {row['lost']:,} that came after it, "
        f"{row['lost_s']:.2f} s of writes, are lost.",
        _evidence(row),
    )


@check("A process crash takes nothing that reached the kernel")
def crash_keeps(sandbox: Sandbox) -> Verdict:
    seen = require_seen(
        [row for mode in ("everysec", "no") if (row := _row(sandbox, mode, CRASH))],
        "No server with an append-only file that is not synced at once has crashed yet.",
        hint=f"Choose a mode that appends every write and syncs later. {_MORE}",
    )
    lost = next((row for row in seen if not row["in_kernel"] or not _kept_by_kernel(row)), None)
    if lost is not None:
        raise unmet(
            f"{lost['mode']}: the crash took {lost['lost']:,} acknowledged writes; "
            f"{lost['in_kernel']:,} had reached the kernel.",
            _evidence(lost),
            hint="What does the server append to? Ask it, and look at its files.",
        )
    ahead = max(seen, key=lambda row: float(row["unsynced_kb"]))
    if not ahead["unsynced_kb"]:
        raise unmet(
            "Everything had been synced when it crashed: that proves nothing about the kernel.",
            _evidence(ahead),
            hint="Crash it while writes go on.",
        )
    late = (
        f" The {ahead['lost']:,} that are lost had been answered for, but not yet written: "
        "Redis was waiting for a sync."
        if ahead["lost"]
        else ""
    )
    return met(
        f"{ahead['mode']}: {ahead['found']:,} of {ahead['acknowledged']:,} are there, "
        f"though {ahead['unsynced_kb']:,.1f} KB of the file had not been synced. The kernel "
        f"outlives the process.{late}",
        _evidence(ahead),
    )


@check("A loss of power takes what was not synced: the same mode, another fault")
def told_apart(sandbox: Sandbox) -> Verdict:
    _require_power_cuts(sandbox)
    for mode in ("everysec", "no"):
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
                f"{MODES[mode]}: the power cut took nothing, for all had just been synced.",
                evidence,
                hint="Cut it while writes go on.",
            )
        return met(
            f"{MODES[mode]}: the crash took {crashed['lost']:,} of "
            f"{crashed['acknowledged']:,}, the power cut {dark['lost']:,} of "
            f"{dark['acknowledged']:,}, the last {dark['lost_s']:.2f} s.",
            evidence,
        )
    raise unmet(
        "No mode that syncs later has been through both faults yet.",
        hint=f"One mode, a crash, a loss of power: compare the two rows. {_MORE}",
    )


@check("Synced before the answer, nothing acknowledged is lost")
def always_keeps(sandbox: Sandbox) -> Verdict:
    _require_power_cuts(sandbox)
    row = require_seen(
        _row(sandbox, "always", POWER),
        "A server that syncs before it answers has not lost its power yet.",
        hint=f"Which mode promises most? Take its power. {_MORE}",
    )
    if float(row["written"]) < WRITES:
        raise unmet(
            f"{row['written']:,} writes had been made since its start when its power was cut: "
            "what was found then had survived before.",
            _evidence(row),
            hint=f"What does a cut prove about writes that came before an earlier one? {_MORE}",
        )
    if row["lost"]:
        raise unmet(
            f"{row['lost']:,} of {row['acknowledged']:,} acknowledged writes are lost, with "
            f"{row['syncs']:,} syncs noted.",
            _evidence(row),
            hint="Does it sync as often as it answers? Does the client wait for the answer? "
            "Count both.",
        )
    if float(row["syncs"]) < SYNCED_EACH * float(row["written"]):
        raise unmet(
            f"Nothing is lost, but {row['syncs']:,} syncs were noted for "
            f"{row['written']:,} writes of one client.",
            _evidence(row),
            hint="It may have been luck: what does the server say of its appendfsync?",
        )
    return met(
        f"0 of {row['acknowledged']:,} are lost. It synced {row['syncs']:,} times for "
        f"{row['written']:,} writes: each before its answer.",
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
                "A start did not find all the keys that had been there.",
                evidence,
                hint="What did the server keep of them?",
            )
        if float(large["loaded_ms"]) > float(small["loaded_ms"]):
            return met(
                f"{kind}: {small['keys']:,} keys were there after "
                f"{small['answers_ms']:,} ms, {large['keys']:,} after {large['answers_ms']:,} ms.",
                evidence,
            )
    raise unmet(
        "No start has been timed at three sizes yet.",
        hint="Let the sandbox fill the server and time its starts.",
    )


def _require_power_cuts(sandbox: Sandbox) -> None:
    """Unmet where this machine can't cut the power."""
    if problem := power_problem(sandbox):
        raise unmet(
            problem,
            hint="On a Linux machine that allows seccomp’s user notification this check can be "
            "met.",
        )
