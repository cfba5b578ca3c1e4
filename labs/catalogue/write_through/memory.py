"""The keys in the cache's memory, and how many of them no client has ever asked for."""

from __future__ import annotations

from labs.lab import Column, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.counters import cache_engine

TABLE = Table(
    "memory",
    "What lies in memory",
    (
        Column("strategy", "Strategy"),
        Column("engine", "Engine"),
        Column("keys", "Keys"),
        Column("unread", "Never read", sense="stale"),
        Column(
            "unread_percent",
            "Never read",
            "%",
            1,
            "stale",
            "Keys on the server that no client has asked for since the cache was emptied",
        ),
        Column("held_kb", "Keys and values", "KB", 1),
    ),
    "Let a load write for a while, then count the keys.",
)


def count(sandbox: Sandbox) -> trials.Row:
    """The row of the table for the keys that the server holds now."""
    keys = trials.keys_now(sandbox)
    unread = [key for key in keys if not sandbox.commits.was_asked(trials.item_of(key))]
    return {
        "strategy": sandbox.strategy().label,
        "engine": cache_engine(sandbox),
        "keys": len(keys),
        "unread": len(unread),
        "unread_percent": round(100 * len(unread) / len(keys), 1) if keys else 0.0,
        "held_kb": round(trials.held_bytes(sandbox) / 1024, 1),
    }
