"""Backup and restore: a backup is a file with a digest, a restore makes a new cluster, and changes
since the backup are not in it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from statistics import median

from labs.catalogue.backup_restore import bystander, checks, guide, mutants
from labs.catalogue.backup_restore.trials import (
    AFTER,
    fill,
    full_cluster,
    read,
    restored_from,
    taken,
    taken_under_load,
    write_until,
)
from labs.engines.memcached import Memcached
from labs.errors import ServerDown
from labs.events import ServerFiguresChanged
from labs.lab import Chart, Lab, Link, Node, Number, Topology
from labs.sandbox.addresses import APP
from labs.sandbox.experiment import refuted, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes import actions, bench, tables
from labs.setups.changes.backup import Backup, Restored
from labs.setups.changes.backups import Backups, backups_of
from labs.setups.changes.bench import NEW, OLD
from labs.setups.changes.writers import Writers

PAGE, FEW = 42, 5

lab = Lab(
    id="backup-restore",
    title="Backup and restore",
    view="Back up and restore",
    question="Everything is deleted. What comes back, and where?",
    about="Take backups of a cluster, without a load and under a load of writes. Delete its data. "
    "Start another cluster from a file, and count what is missing.",
    minutes=20,
    topology=Topology(
        nodes=(
            Node(APP, "Shop app", "app"),
            *bench.CLUSTERS,
            Node(bystander.NODE, bystander.NODE, "memcached", about="next to the clusters"),
        ),
        links=(*bench.CLUSTER_LINKS, Link("memcached", APP, bystander.NODE)),
    ),
    parts=(Writers, Backups),
    controls=(bench.KEYS, bench.ENDPOINT, bench.WRITERS, bench.RATE),
    gears=("step", "load", "break"),
    charts=(
        Chart("Keys", ("shop_items", "restored_items", "memcached_items")),
        Chart("Memory of shop, and what its last snapshot copied", ("cache_bytes", "cow_bytes")),
        Chart("A snapshot is being written", ("save_in_progress",)),
        Chart("Changes and errors", ("writes_per_s", "errors_per_s")),
        Chart("A change takes", ("write_p50_ms", "write_p99_ms"), "log"),
    ),
    tiles=(
        "shop_items",
        "restored_items",
        "memcached_items",
        "cow_percent",
        "writes_per_s",
        "write_p99_ms",
    ),
    tables=(*tables.TABLES, bystander.ANSWERS),
    checks=(
        checks.file_with_digest,
        checks.same_data,
        checks.new_endpoint,
        checks.copy_on_write,
        checks.writes_lost,
        checks.damaged_refused,
        checks.memcached_nothing,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.prepare
def prepare(sandbox: Sandbox) -> None:
    """Show the endpoints, and that the clusters are empty."""
    tables.show_endpoints(sandbox)
    sandbox.emit(ServerFiguresChanged(server=OLD, lines=["empty"]))
    sandbox.emit(ServerFiguresChanged(server=NEW, lines=[]))


@lab.readings
def readings(sandbox: Sandbox, _read: Mapping[str, float]) -> dict[str, float]:
    """How many items Memcached holds."""
    values: dict[str, float] = {}
    engine = sandbox.servers[bystander.NODE].engine
    if sandbox.servers[bystander.NODE].state == "up" and isinstance(engine, Memcached):
        with contextlib.suppress(ServerDown):
            values["memcached_items"] = engine.stats()["curr_items"]
    return values


lab.action("Fill the cluster", gear="step", primary=True, deadline_s=20.0)(fill)
lab.action("Ask for a page", gear="step", fields=(Number("page", "Page", 1, 100, 1, PAGE),))(read)


@lab.action(
    "Ask Memcached for a backup, restart it",
    gear="step",
    here="a Memcached as on a node. It can restart with its items from a memory file, but that is "
    "no backup.",
    aws="on the exam Memcached has no backups. Node-based Memcached still has none; serverless "
    "Memcached has had them since mid-2024.",
)
def ask_memcached(sandbox: Sandbox) -> str:
    asked = bystander.ask(sandbox)
    sandbox.tabulate(
        bystander.ANSWERS.name,
        [{"command": command, "answer": answer} for command, answer in asked.answers],
    )
    return sandbox.caption(
        f"Memcached answers {', '.join(dict.fromkeys(answer for _, answer in asked.answers))}; "
        f"restarted, it holds {asked.items_after:,} of {asked.items_before:,} items.",
        "There is no file that could be restored.",
    )


lab.actions += actions.ACTIONS


@lab.prediction(
    "Writers change 1,000 prices a second. A backup is taken; one second after its file is there, "
    "everything is deleted. How many acknowledged changes does the restored cluster lack?",
    unit="changes",
    unit_of_one="change",
    slack=150.0,
    why="All changes since the fork: a backup shows the moment at which it began. Redis had "
    "acknowledged each of these changes.",
)
def lost(sandbox: Sandbox) -> float:
    with full_cluster(sandbox, clients=2, rate_per_s=1_000):
        write_until(sandbox, 300)
        backup = backups_of(sandbox).take()
        time.sleep(max(0.0, backup.ended + 1.0 - time.monotonic()))
        sandbox.stop_load()
        actions.accident(sandbox)
        return float(restored_from(sandbox, backup).loss.gone)


@lab.prediction(
    "A server has 20,000 keys, and two writers change prices all over them, as fast as they can. "
    "While a snapshot is written, how much memory is copied, as a share of what the server uses?",
    unit="%",
    slack=10.0,
    why="The kernel copies a page of memory when Redis changes it for the first time. Scattered "
    "changes reach nearly every page with products, so keep memory free for the copies.",
)
def copied(sandbox: Sandbox) -> float:
    with full_cluster(sandbox, clients=2, rate_per_s=bench.MOST_PER_S, keys=20_000):
        write_until(sandbox, AFTER)
        return round(median(backups_of(sandbox).take().cow_percent for _ in range(FEW)), 1)


@lab.prediction(
    "All data of a cluster is lost, and a backup is restored. At which endpoint is the restored "
    "data?",
    options=(("same", "At the endpoint that the application has"), ("new", "At a new endpoint")),
    why="A restore makes a new cluster. The old one is still there, and still empty.",
)
def address(sandbox: Sandbox) -> str:
    with full_cluster(sandbox):
        found = restored_from(sandbox, backups_of(sandbox).take())
        return "same" if found.new_address == found.old_address else "new"


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    fill(sandbox)
    read(sandbox, PAGE)
    quiet = taken(sandbox)
    note |= {
        "keys": quiet.keys,
        "file_kb": round(quiet.size / 1024, 1),
        "snapshot_s": round(quiet.ended - quiet.began, 3),
        "fork_ms": quiet.fork_ms,
        "cow_kb_quiet": round(quiet.cow / 1024),
    }
    if refuted(sandbox, checks.file_with_digest):
        return
    until_met(sandbox, checks.copy_on_write, taken_under_load)
    loaded = sandbox.ledger.seen(Backup)[-1]
    note |= {
        "cow_kb_under_load": round(loaded.cow / 1024),
        "cow_percent_quiet": round(quiet.cow_percent, 1),
        "cow_percent_under_load": round(loaded.cow_percent, 1),
        "snapshot_under_load_s": round(loaded.ended - loaded.began, 3),
        "writes_during_snapshot": loaded.written,
        "used_memory_mb": round(loaded.memory / 2**20, 2),
    }
    if refuted(sandbox, checks.copy_on_write):
        return

    actions.accident(sandbox)
    read(sandbox, PAGE)
    actions.restore(sandbox, quiet.name)
    sandbox.set("endpoint", "shop-restored")
    read(sandbox, PAGE)
    if refuted(sandbox, checks.same_data, checks.new_endpoint):
        return
    actions.delete_restored(sandbox)
    actions.restore(sandbox, backups_of(sandbox).damage(quiet.name, "bit").name)
    if refuted(sandbox, checks.damaged_refused):
        return
    actions.restore(sandbox, loaded.name)
    found = sandbox.ledger.seen(Restored)[-1]
    note |= {
        "acknowledged": found.loss.kept + found.loss.gone,
        "gone": found.loss.gone,
        "restored_keys": found.new.keys,
        "restore_s": round(found.ready_s, 3),
    }
    read(sandbox, PAGE)
    ask_memcached(sandbox)
    asked = sandbox.ledger.seen(bystander.Asked)[-1]
    note["memcached_items"] = asked.items_before
    note["memcached_items_after_restart"] = asked.items_after
