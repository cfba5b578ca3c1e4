"""What is done in the lab backup-restore: fill the cluster, read as the application does, have
writers write, take a backup, start a cluster from it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from labs.caching.cache import CacheDown
from labs.catalogue.backup_restore import bystander
from labs.clients.address import straight
from labs.errors import LabsError, LoadRunning
from labs.events import ServerFiguresChanged, Travelled, Value
from labs.load.clients import LeanRedis
from labs.sandbox.experiment import make_ready, observed, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes import actions, shop_data
from labs.setups.changes.backup import Backup, Refused, Restored
from labs.setups.changes.backups import backups_of
from labs.setups.changes.bench import LINKS, NEW, OLD, node_asked
from labs.setups.changes.writers import Writers

PATIENCE_S, LOAD_PER_S = 8.0, 4_000
AFTER = 600
"""How many changes come before and after a snapshot at least, so that both sides have some."""


def fill(sandbox: Sandbox) -> str:
    """Write the shop's data to the cluster, and its pages to Memcached too."""
    found = backups_of(sandbox)
    if sandbox.load.running:
        raise LoadRunning("The load is running.", hint="Stop the load first.")
    keys = int(float(sandbox.settings["keys"]))
    engine = found.up(OLD)
    sandbox.part(Writers).begin_again(shop_data.products_of(keys))
    shop_data.put(engine, keys)
    if sandbox.servers[bystander.NODE].state == "up":
        bystander.fill(sandbox)
    held = engine.count()
    sandbox.emit(ServerFiguresChanged(server=OLD, lines=[f"{held:,} keys"]))
    return sandbox.caption(
        f"The cluster shop holds {held:,} keys: products, pages, carts, rankings, sessions.",
        "Memcached has the pages as well.",
    )


@dataclass(frozen=True, slots=True)
class Read:
    """What the application got at an address."""

    address: str
    key: str
    found: bool
    at: float


def read(sandbox: Sandbox, page: float) -> str:
    """One read by the application, over its link."""
    node, endpoint = node_asked(sandbox), str(sandbox.settings["endpoint"])
    key = shop_data.PAGE_KEY.format(int(page))
    address = sandbox.address_for_app(node)
    backups_of(sandbox)
    client = LeanRedis(straight(address), sandbox.servers[node].engine.access("shop"))
    try:
        found = client.get(key) is not None
    except CacheDown:
        sandbox.emit(Travelled(links=[LINKS[node]], meaning="error", words="no answer"))
        return f"No server answers at {endpoint} ({address})."
    finally:
        client.shut()
    observed(sandbox, Read(str(address), key, found, time.monotonic()))
    sandbox.emit(
        Travelled(
            links=[LINKS[node]],
            meaning="hit" if found else "miss",
            words="found" if found else "nothing",
            took_ms=client.times[-1] / 1000,
        )
    )
    return sandbox.caption(
        f"{endpoint} ({address}) {'has' if found else 'has no'} {key}.",
        "The application shows the page." if found else "The application finds no page there.",
    )


@contextlib.contextmanager
def full_cluster(sandbox: Sandbox, **wanted: Value) -> Iterator[None]:
    """A full cluster for an experiment, with these settings; the backups and the cluster that the
    experiment makes are deleted at its end.

    A cluster that was restored before is deleted: the experiment needs its place.
    """
    found, also = backups_of(sandbox), []
    if sandbox.servers[NEW].state != "stopped":
        actions.delete_restored(sandbox)
        also.append("shop-restored was deleted")
    make_ready(sandbox, up=(OLD,), also=also)
    before = set(found.kept)
    with temporarily(sandbox, **{"endpoint": "shop", **wanted}):
        found.experiment = True
        try:
            fill(sandbox)
            sandbox.load.clear()
            yield
        finally:
            found.experiment = False
            sandbox.stop_load()
            for name in set(found.kept) - before:
                found.delete(name)
            sandbox.stop(NEW, "the experiment is over")


def restored_from(sandbox: Sandbox, backup: Backup) -> Restored:
    """The cluster that was started from a backup. Raises LabsError if none starts from it."""
    found = backups_of(sandbox).restore(backup.name)
    if isinstance(found, Refused):
        raise LabsError(
            f"No cluster starts from {backup.name}.",
            hint="Look into the server’s log.",
            detail="; ".join(found.words),
        )
    return found


def taken(sandbox: Sandbox) -> Backup:
    """A backup, taken as on the page."""
    actions.take(sandbox)
    return sandbox.ledger.seen(Backup)[-1]


def taken_under_load(sandbox: Sandbox) -> Backup:
    """A backup with changes before, while and after its file is written."""
    with temporarily(sandbox, clients=2, rate_per_s=LOAD_PER_S):
        sandbox.start_load()
        try:
            write_until(sandbox, AFTER)
            backup = taken(sandbox)
            if sandbox.load.running:
                write_until(sandbox, _acknowledged(sandbox) + AFTER)
        finally:
            sandbox.stop_load()
    return backup


def _acknowledged(sandbox: Sandbox) -> int:
    return sum(tally.kinds["write"] for tally in sandbox.load.totals.values())


def write_until(sandbox: Sandbox, changes: int) -> None:
    """Run the load, starting it if needed, until this number of changes was acknowledged."""
    if not sandbox.load.running:
        sandbox.load.clear()
        sandbox.start_load()
    sandbox.wait_until(lambda: _acknowledged(sandbox) >= changes, deadline_s=PATIENCE_S)
