"""The steps through the lab backup-restore."""

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
        "The cluster “shop” now has keys to lose, and Memcached has pages.",
    ),
    Step(
        "Take a backup.",
        press("take"),
        "Redis started a child process (a fork), which wrote all keys to a file.",
        until=checks.file_with_digest,
    ),
    Step(
        "Delete all data: press FLUSHALL.",
        press("accident"),
        "The server still runs, but it has no key any more.",
    ),
    Step(
        "Ask for page 42.",
        press("read", page=42),
        "The old cluster answered, and had no such page.",
    ),
    Step(
        "Restore the backup into a new cluster.",
        press("restore"),
        "The restored data has the same digest as the data before the accident.",
        until=checks.same_data,
    ),
    Step(
        "Send the application to the cluster shop-restored.",
        choose("endpoint", "shop-restored"),
        "The restored cluster has its own address, so the application needs a new setting.",
    ),
    Step(
        "Ask for page 42 again.",
        press("read", page=42),
        "The new cluster had the page; the old one still runs, and is still empty.",
        until=checks.new_endpoint,
    ),
    Step(
        "Delete the restored cluster.",
        press("delete-restored"),
        "The cluster is gone; its backup is not.",
    ),
    Step(
        "Send the application back to the cluster shop.",
        choose("endpoint", "shop"),
        "The writers use the same address, so they will change the cluster “shop”.",
    ),
    Step(
        "Fill the cluster once more.",
        press("fill"),
        "The old cluster has keys again, so the next backup is not empty.",
    ),
    Step(
        "Set the writers to 4,000 changes a second.",
        choose("rate_per_s", 4_000),
        "Many changes will come while the next backup is written.",
    ),
    Step(
        "Start the load.",
        load("start"),
        "Two writers change prices, and note each change that Redis acknowledged.",
        until=enough_changed,
    ),
    Step(
        "Take a backup while they write.",
        press("take"),
        "Redis copied each memory page that changed during the backup, so it used more memory.",
        until=checks.copy_on_write,
        how="Press it until the backup copies more memory than the one without a load.",
    ),
    Step(
        "Restore this backup.",
        press("restore"),
        "The new cluster lacks every change that Redis acknowledged after the backup had begun.",
        until=checks.writes_lost,
        how="The writers keep running.",
    ),
    Step(
        "Delete the restored cluster again.",
        press("delete-restored"),
        "Each restore starts a new cluster, and the bench has room for one.",
    ),
    Step(
        "Change one bit in a copy of the backup.",
        press("damage", how="bit"),
        "The copy differs in one bit, but its entry still shows the original digest.",
    ),
    Step(
        "Restore the damaged copy.",
        press("restore"),
        "Redis compared the checksum in the file, found the damage, and did not start.",
        until=checks.damaged_refused,
        how="The newest backup, the damaged copy, is chosen already.",
    ),
    Step(
        "Ask Memcached for a backup.",
        press("ask-memcached"),
        "Memcached has no backup command, and after its restart it was empty.",
        until=checks.memcached_nothing,
    ),
)
