"""The metrics that only this setup has. Its part imports them, so that pages can show them."""

from __future__ import annotations

from labs.measure.metrics import Metric, add

add(
    Metric(
        "shop_items",
        "Keys in shop",
        "",
        "none",
        "keys stored now in the cluster that is backed up",
        "DBSIZE",
        "CurrItems",
    ),
    Metric(
        "restored_items",
        "Keys in the restored cluster",
        "",
        "none",
        "keys stored now",
        "DBSIZE of the restored Redis",
        "CurrItems",
    ),
    Metric(
        "memcached_items",
        "Keys in Memcached",
        "",
        "none",
        "keys stored now",
        "curr_items",
        "CurrItems",
    ),
    Metric(
        "save_in_progress",
        "A snapshot is being written",
        "",
        "here",
        "1 while the child of the fork writes the file, else 0",
        "INFO persistence: rdb_bgsave_in_progress",
        "SaveInProgress",
    ),
    Metric(
        "cow_bytes",
        "Memory copied for the last snapshot",
        "B",
        "write",
        "pages that the parent changed while the child still needed them as they were",
        "INFO persistence: rdb_last_cow_size",
    ),
    Metric(
        "cow_percent",
        "Copied for the last snapshot",
        "%",
        "write",
        "100 × memory copied for it / memory used when it was begun",
        "INFO persistence: rdb_last_cow_size; INFO memory: used_memory",
        decimals=1,
    ),
)
