"""The metrics that only this setup has. Its part imports them, so that pages can show them."""

from __future__ import annotations

from labs.measure.metrics import Metric, add

add(
    Metric(
        "acknowledged",
        "Acknowledged",
        "",
        "write",
        "numbered writes that were answered OK, less those found to be lost",
        "counted by the client",
    ),
    Metric("in_memory", "In the server’s memory", "", "none", "keys stored now", "DBSIZE"),
    Metric(
        "in_kernel",
        "Handed to the kernel",
        "",
        "none",
        "numbered writes in the server’s file, synced or not",
        "the append-only file, read; of a snapshot: DBSIZE less rdb_changes_since_last_save",
    ),
    Metric(
        "on_disk",
        "Synced to the disk",
        "",
        "hit",
        "numbered writes in the part of the file that has been synced",
        "the append-only file up to its length at its last fsync",
    ),
    Metric(
        "syncs_per_s",
        "Syncs",
        "/s",
        "none",
        "calls of fsync and fdatasync, per second",
        "noted by the sandbox as the server makes them",
        decimals=1,
    ),
)
