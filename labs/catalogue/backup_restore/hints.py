"""What a learner of the lab backup-restore has to do next, and what blocks it."""

from __future__ import annotations

from labs.sandbox.sandbox import Sandbox
from labs.setups.changes.bench import NEW

WHILE_WRITING = (
    "In the tab Step press “Fill the cluster” if shop is empty. Press “Start the load” in the tab "
    "Load. While it runs press “Take a backup” and wait for two seconds. Press “FLUSHALL” in the "
    "tab Break, then “Restore into a new cluster”."
)


def to_take(sandbox: Sandbox, hint: str) -> str:
    """The hint, unless the writers change another cluster than the one that is backed up."""
    if sandbox.settings["endpoint"] != "shop":
        return (
            "The app asks shop-restored, so writers change that cluster and not shop. Set “The "
            "application asks” to “shop”."
        )
    return hint


def to_restore(sandbox: Sandbox, hint: str) -> str:
    """The hint, unless there is a restored cluster already."""
    if sandbox.servers[NEW].state != "stopped":
        return "shop-restored is there already. Press “Delete shop-restored” first."
    return hint
