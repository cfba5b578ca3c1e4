"""The metrics that only this setup has. Its part imports them, so that a page can show them."""

from __future__ import annotations

from labs.measure.metrics import Metric, add

add(
    Metric(
        "flight_writes_per_s",
        "Writes acknowledged",
        "/s",
        "write",
        "numbers acknowledged per second",
        "counted by the writing client",
    ),
    Metric(
        "flight_reads_per_s",
        "Reads answered",
        "/s",
        "hit",
        "reads answered per second",
        "counted by the reading clients",
    ),
    Metric(
        "flight_errors_per_s",
        "Operations that failed",
        "/s",
        "error",
        "attempts that were refused, broken off or not answered in time, per second",
        "counted by the clients",
    ),
    Metric(
        "lag_bytes",
        "Replication lag, the slowest replica",
        "B",
        "none",
        "master_repl_offset of the primary less slave_repl_offset of the replica, asked one "
        "after the other",
        "INFO replication; ElastiCache publishes ReplicationLag, in seconds",
    ),
)
