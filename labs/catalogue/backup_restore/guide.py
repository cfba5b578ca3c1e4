"""The way through the lab backup-restore."""

from labs.catalogue.backup_restore import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import choose, load, press
from labs.sandbox.sandbox import Sandbox

ENOUGH = 500


@check("The writers have had some hundred changes acknowledged")
def enough_changed(sandbox: Sandbox) -> Verdict:
    changes = sum(tally.kinds["write"] for tally in list(sandbox.load.totals.values()))
    if changes < ENOUGH:
        raise unmet(f"{changes} are acknowledged.")
    return met("There is something to lose.", {"acknowledged": changes})


GUIDE = (
    Step(
        "Fill the cluster.",
        press("fill"),
        "The cluster shop holds the shop’s keys, and Memcached has the pages as well.",
    ),
    Step(
        "Take a backup.",
        press("take"),
        "Redis forked, the child wrote a file, and the file’s digest was noted.",
        until=checks.file_with_digest,
    ),
    Step(
        "Delete all data: press FLUSHALL.",
        press("accident"),
        "Every key is gone, and the server is well: only its data is missing.",
    ),
    Step(
        "Ask for page 42.",
        press("read", page=42),
        "The old cluster answered, and had no such page.",
    ),
    Step(
        "Restore the backup into a new cluster.",
        press("restore"),
        "The data has the digest that it had before the accident.",
        until=checks.same_data,
    ),
    Step(
        "Let the application ask shop-restored.",
        choose("endpoint", "shop-restored"),
        "The new cluster has an address of its own, which the application now has in its settings.",
    ),
    Step(
        "Ask for page 42 again.",
        press("read", page=42),
        "The new cluster had the page; the old one is still there, and still empty.",
        until=checks.new_endpoint,
    ),
    Step(
        "Delete the restored cluster.",
        press("delete-restored"),
        "The cluster is gone; its backup is not.",
    ),
    Step(
        "Let the application ask shop again.",
        choose("endpoint", "shop"),
        "Writers go where the application goes: to the cluster that is backed up.",
    ),
    Step(
        "Fill the cluster once more.",
        press("fill"),
        "The cluster shop has its keys back.",
    ),
    Step(
        "Let the writers make 4,000 changes a second.",
        choose("rate_per_s", 4_000),
        "Many changes will come while the next backup is written.",
    ),
    Step(
        "Start the load.",
        load("start"),
        "Two writers change prices and note each change that was acknowledged.",
        until=enough_changed,
    ),
    Step(
        "Take a backup while they write.",
        press("take"),
        "Each page of memory that changed while the child wrote the file was copied first.",
        until=checks.copy_on_write,
        how="Press it until more is copied than without a load.",
    ),
    Step(
        "Restore this backup.",
        press("restore"),
        "Every change that was acknowledged after the fork is missing in the new cluster.",
        until=checks.writes_lost,
        how="The writers go on meanwhile.",
    ),
    Step(
        "Delete the restored cluster again.",
        press("delete-restored"),
        "There is room for another restore.",
    ),
    Step(
        "Turn one bit in a copy of the backup.",
        press("damage", how="bit"),
        "The copy differs from the backup in one bit; its entry has the digest of the original.",
    ),
    Step(
        "Restore the damaged copy.",
        press("restore"),
        "The server compared the checksum at the end of the file, and would not start.",
        until=checks.damaged_refused,
        how="It is chosen already, as the newest.",
    ),
    Step(
        "Ask Memcached for a backup.",
        press("ask-memcached"),
        "Memcached has no such command, and after its restart it was empty.",
        until=checks.memcached_nothing,
    ),
)
