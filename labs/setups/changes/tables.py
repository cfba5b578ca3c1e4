"""The tables of backups and restores on a lab's page, and what fills them."""

from __future__ import annotations

from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.setups.changes.backup import Backup, Restored
from labs.setups.changes.bench import ENDPOINTS, SHORT

BACKUPS = Table(
    "backups",
    "Backups of shop",
    (
        Column("backup", "Backup"),
        Column(
            "status",
            "Status",
            help="As on ElastiCache: creating, available, restoring, copying, deleting",
        ),
        Column("taken", "Taken", "UTC"),
        Column("under_load", "The cluster was"),
        Column("keys", "Keys"),
        Column("size_kb", "File", "KB", 1),
        Column("sha256", "SHA-256 of the file", help="The first twelve of 64 characters"),
        Column(
            "digest",
            "Digest of the data",
            help="Over every key, its type, value and end; not taken where a client wrote "
            "meanwhile",
        ),
        Column("seconds", "Took", "s", 2),
        Column("fork_ms", "Fork", "ms", 1),
        Column("written", "Changes meanwhile"),
        Column(
            "cow_kb",
            "Copied",
            "KB",
            sense="write",
            help="rdb_last_cow_size: pages that were changed while the child still needed them",
        ),
        Column("cow_percent", "Copied, of used memory", "%", 1, "write"),
        Column("engine", "Engine"),
    ),
    "No backup has been taken. On AWS it would be the same: automatic backups are off by default.",
)
COMPARISON = Table(
    "comparison",
    "What was backed up, what was lost, what came back",
    (
        Column("what", "Where"),
        Column("address", "At"),
        Column("keys", "Keys"),
        Column("digest", "Digest of the data"),
        Column("kept", "Changes that it has", sense="write"),
        Column(
            "gone",
            "Changes that are gone",
            sense="stale",
            help="Acknowledged to a writer, and not in the restored cluster",
        ),
    ),
    "Take a backup, lose the data, restore.",
)
CHANGES = Table(
    "changes",
    "Changes before and after the snapshot",
    (Column("at_s", "From", "s", 3), Column("kept", "Kept"), Column("gone", "Gone")),
    shown=False,
)
MARKS = Table(
    "marks",
    "When the snapshot was begun and done",
    (Column("mark", "What"), Column("at_s", "At", "s", 3), Column("backup", "Backup")),
    shown=False,
)
WHERE = Table(
    "endpoints",
    "Where the clusters answer",
    (Column("endpoint", "Endpoint"), Column("node", "Node"), Column("address", "Address")),
    shown=False,
)
TABLES = (BACKUPS, COMPARISON, CHANGES, MARKS, WHERE)


def show_endpoints(sandbox: Context) -> None:
    """Where each endpoint leads."""
    rows = [
        {"endpoint": endpoint, "node": node, "address": str(sandbox.address_for_app(node))}
        for endpoint, node in ENDPOINTS.items()
    ]
    sandbox.tabulate(WHERE.name, rows)


def show_backup(sandbox: Context, backup: Backup, restored: Restored | None = None) -> None:
    """What was backed up, and after a restore what both clusters hold."""
    digest = backup.digest[:SHORT] or "not taken: it was written to"
    rows: list[tuple[Value, ...]] = [(f"in {backup.name}", "a file", backup.keys, digest, "", "")]
    if restored is not None:
        old, new, loss = restored.old, restored.new, restored.loss
        digest = old.digest[:SHORT] if old.keys else "empty"
        rows.append(("shop", restored.old_address, old.keys, digest, "", ""))
        held = "shop-restored", restored.new_address, new.keys, new.digest[:SHORT]
        rows.append((*held, loss.kept, loss.gone))
    names = [column.name for column in COMPARISON.columns]
    sandbox.tabulate(COMPARISON.name, [dict(zip(names, row, strict=True)) for row in rows])


def show_restored(sandbox: Context, restored: Restored) -> None:
    """Both clusters, and the writers' changes before and after the snapshot's moment."""
    backup, loss = restored.backup, restored.loss
    show_backup(sandbox, backup, restored)
    sandbox.tabulate(
        CHANGES.name, [{"at_s": at, "kept": kept, "gone": gone} for at, kept, gone in loss.bars]
    )
    marks = {"fork": backup.began, "written": backup.ended} if loss.bars else {}
    rows: list[dict[str, Value]] = [
        {"mark": mark, "at_s": round(at - loss.first, 4), "backup": backup.name}
        for mark, at in marks.items()
    ]
    sandbox.tabulate(MARKS.name, rows)
