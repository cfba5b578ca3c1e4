"""The puzzle of the start page: six steps of two workers, and how every order of them ended on real
servers. Reads what `cacheground lab record-race` recorded; words and numbers come from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from labs.client import catalogue, folder_of
from labs.lab import Lab

LAB = "write-through-race"
FILE = "recorded.json"
FIRST = "AAABBB"
"""The order that the page begins with: one worker after the other."""
NAMES = {
    "read cache": "Read the cache",
    "read DB": "Read the database",
    "write DB": "Write the database",
    "commit": "Commit",
    "write cache": "Store in the cache",
}
ITEM = re.compile(r'"price": ([\d.]+), "version": (\d+)')

Recorded = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its worker, its name, the server that it goes to, what it meant to that server, and
    what it left.
    """

    worker: str
    name: str
    server: str
    sense: str
    left: str


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the steps, in the workers' letters, and how it ended: a word and a sentence."""

    letters: str
    stale: bool
    verdict: str
    end: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Every order, and where and when they were recorded."""

    lab: Lab
    orders: tuple[Order, ...]
    recorded_on: date
    versions: Mapping[str, str]

    @property
    def stale(self) -> tuple[Order, ...]:
        """The orders that left an old price."""
        return tuple(order for order in self.orders if order.stale)

    @property
    def first(self) -> Order:
        """The order that the page begins with."""
        return next(order for order in self.orders if order.letters == FIRST)

    @property
    def data(self) -> dict[str, Any]:
        """The orders for the script: a step has its meaning and the number of its sentence."""
        texts = list(dict.fromkeys(step.left for order in self.orders for step in order.steps))
        return {
            "texts": texts,
            "orders": {
                order.letters: {
                    "stale": order.stale,
                    "verdict": order.verdict,
                    "end": order.end,
                    "steps": [[step.sense, texts.index(step.left)] for step in order.steps],
                }
                for order in self.orders
            },
        }


@cache
def puzzle() -> Puzzle:
    """The puzzle, as it was recorded."""
    record = json.loads((folder_of(LAB) / FILE).read_text())
    prices = _prices(record["orders"])
    life_s = f"{float(record['settings']['ttl_s']):g}"
    return Puzzle(
        lab=catalogue()[LAB],
        orders=tuple(_order(order, prices, life_s) for order in record["orders"]),
        recorded_on=date.fromisoformat(record["recorded_on"]),
        versions=record["versions"],
    )


def _prices(orders: list[Recorded]) -> dict[int, str]:
    """The price of each version, from what the servers answered."""
    return {
        int(version): f"{float(price):.2f}"
        for order in orders
        for step in order["steps"]
        for price, version in ITEM.findall(step["reply"].replace("\\", ""))
    }


def _order(order: Recorded, prices: Mapping[int, str], life_s: str) -> Order:
    last = [step for step in order["steps"] if step["command"]][-1]
    cached, committed = prices[last["cached"]], prices[last["committed"]]
    stale = order["outcome"] == "stale"
    end = f"The cache and the database both hold {committed}."
    if stale:
        end = (
            f"The database has {committed}, and the cache still holds {cached}: the shop shows the "
            f"old price for up to {life_s} s."
        )
    return Order(
        letters=order["order"],
        stale=stale,
        verdict="Stale." if stale else "Not stale.",
        end=end,
        steps=tuple(_step(step, prices) for step in order["steps"]),
    )


def _step(step: Recorded, prices: Mapping[int, str]) -> Step:
    name = str(step["step"])
    return Step(
        worker=step["worker"],
        name=NAMES[name],
        server="database" if name in ("read DB", "write DB", "commit") else "cache",
        sense=step["meaning"] if step["command"] else "none",
        left=_left(name, step, prices),
    )


def _left(name: str, step: Recorded, prices: Mapping[int, str]) -> str:
    """What a step found or left, in a sentence."""
    if not step["command"]:
        return "Not needed: the cache had it."
    found = ITEM.search(step["reply"].replace("\\", ""))
    version = f"Version {found[2]}: {float(found[1]):.2f}" if found else ""
    match name, step["meaning"]:
        case "read cache", "miss":
            return "The cache has nothing."
        case "commit", _:
            return f"Version {step['committed']} is valid now."
        case "write cache", _:
            return f"The cache holds version {step['cached']}."
        case "write DB", _:
            return f"{version}, not valid yet."
    return f"{version}."
