"""The steps through the lab durability."""

from labs.catalogue.durability import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, choose, load, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.faults import journal

ENOUGH = 500


@check("The client has had some hundred numbers acknowledged")
def enough_written(sandbox: Sandbox) -> Verdict:
    acknowledged = journal(sandbox).acknowledged
    if acknowledged < ENOUGH:
        raise unmet(f"{acknowledged} are acknowledged.")
    return met("There is something to lose.", {"acknowledged": acknowledged})


GUIDE = (
    Step(
        "Keep nothing on disk: choose none.",
        choose("mode", "none"),
        "Redis started again with an empty disk, and keeps numbers in memory only.",
    ),
    Step(
        "Write a thousand numbers.",
        press("write-thousand"),
        "Redis acknowledged each number, and only its memory has them.",
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
        "Redis appends each write to a file, and syncs the file once a second.",
    ),
    Step(
        "Start the load.",
        load("start"),
        "One client writes a thousand numbers a second; the newest ones may not be synced yet.",
        until=enough_written,
    ),
    Step(
        "Crash the process while the client writes.",
        press("crash"),
        "The process ended in the middle of writes, but the kernel still has the file.",
    ),
    Step(
        "Start it again, and compare.",
        press("come-back"),
        "The kernel kept running, so everything that had reached the file was there.",
        until=checks.crash_keeps,
        how="If the check is not met, crash the process once more.",
    ),
    Step(
        "Cut the power while the client writes.",
        press("cut-power"),
        "The power cut took what the kernel had not written to the disk.",
        how="If the load has stopped, start it first.",
    ),
    Step(
        "Start it a third time, and compare.",
        press("come-back"),
        "The same mode lost the newest numbers: a power cut loses what is not synced to the disk.",
        until=checks.told_apart,
        how="If nothing was lost, cut the power once more.",
    ),
    Step(
        "Guess what a snapshot keeps.",
        predict("snapshot"),
        "Only the 300 numbers in the snapshot were there after the crash.",
    ),
    Step(
        "Try every mode with both faults.",
        press("run-all"),
        "The snapshots mode kept what the last snapshot held, and no more.",
        until=checks.snapshot_only,
        how="This takes about 30 seconds.",
    ),
    Step(
        "Look at the row for AOF always.",
        WATCH,
        "Redis synced each write before it answered, so no acknowledged write was lost.",
        until=checks.always_keeps,
    ),
    Step(
        "Measure how long Redis takes to start.",
        press("time-starts"),
        "The more keys the file had, the longer the start took.",
        until=checks.recovery,
        how="This takes about 15 seconds.",
    ),
)
