"""The way through the lab durability."""

from labs.catalogue.durability import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, choose, load, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.bench import MODES, SERVER
from labs.setups.journal.faults import YOU, journal

ENOUGH = 500


@check("The client has had some hundred numbers acknowledged")
def enough_written(sandbox: Sandbox) -> Verdict:
    acknowledged = journal(sandbox).acknowledged
    if acknowledged < ENOUGH:
        raise unmet(f"{acknowledged} are acknowledged.")
    return met("There is something to lose.", {"acknowledged": acknowledged})


@check("Every mode has been through both faults, and the server begins with number 1")
def all_modes_tried(sandbox: Sandbox) -> Verdict:
    rows = [row for row in sandbox.found.get("faults", []) if row["by"] == YOU]
    tried = len({(row["mode"], row["fault"]) for row in rows})
    if tried < 2 * len(MODES) or journal(sandbox).written or sandbox.servers[SERVER].state != "up":
        raise unmet(f"{tried} of {2 * len(MODES)} faults have been tried.")
    return met("All have been tried.", {"tried": tried})


GUIDE = (
    Step(
        "Keep nothing on disk: choose none.",
        choose("mode", "none"),
        "Redis started again with an empty disk, and keeps numbers in memory only.",
    ),
    Step(
        "Write a thousand numbers.",
        press("write-thousand"),
        "Redis acknowledged each number; its memory is the only place that has them.",
    ),
    Step(
        "Crash the process.",
        press("crash"),
        "The process ended, and its memory with it.",
    ),
    Step(
        "Start it, and compare.",
        press("come-back"),
        "Redis started empty: every acknowledged number is lost.",
        until=checks.memory_only,
    ),
    Step(
        "Append each write to a file: choose AOF everysec.",
        choose("mode", "everysec"),
        "Redis now appends each write to a file, and asks the disk to keep it once a second.",
    ),
    Step(
        "Start the load.",
        load("start"),
        "One client writes a thousand numbers a second; the disk is up to a second behind.",
        until=enough_written,
    ),
    Step(
        "Crash the process while the client writes.",
        press("crash"),
        "The process ended in the middle of writes; the kernel still has the file.",
    ),
    Step(
        "Start it again, and compare.",
        press("come-back"),
        "The kernel outlived the process, so what was in the file is there.",
        until=checks.crash_keeps,
        how="If all had been synced, crash it once more.",
    ),
    Step(
        "Cut the power while the client writes.",
        press("cut-power"),
        "What the kernel had not put on the disk is gone, with all that was in memory.",
        how="If the load has stopped, start it first.",
    ),
    Step(
        "Start it a third time, and compare.",
        press("come-back"),
        "The same mode lost the last part of a second: a power cut takes what was not synced.",
        until=checks.told_apart,
        how="If nothing was lost, cut the power once more.",
    ),
    Step(
        "Guess what a snapshot keeps.",
        predict("snapshot"),
        "Only the 300 numbers that the snapshot held were there after the crash.",
        how="It is one of the cards “Predict, then measure”.",
    ),
    Step(
        "Put every mode through both faults.",
        press("run-all"),
        "Snapshots kept what the last one held, and no more.",
        until=checks.snapshot_only,
        how="This takes half a minute.",
    ),
    Step(
        "Watch AOF always lose its power.",
        WATCH,
        "Redis synced each write before it answered, so no acknowledged write was lost.",
        until=checks.always_keeps,
    ),
    Step(
        "Wait until the server begins again.",
        WATCH,
        "The table “What each fault took” has a row for each mode and each fault.",
        until=all_modes_tried,
    ),
    Step(
        "Time some starts.",
        press("time-starts"),
        "The more keys the file had, the longer the start took.",
        until=checks.recovery,
        how="This takes a quarter of a minute.",
    ),
)
