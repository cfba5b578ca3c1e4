"""Every order of one race, played on real servers and kept in a file. A page can then show what the
servers did without opening any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.catalogue import folder_of
from labs.errors import RunsDiffer
from labs.events import Entry, SandboxOpened, TableChanged, Value
from labs.host.supervisor import SandboxSupervisor

LAB = "write-through-race"
SETTINGS = {"race": "reader-writer", "strategy": "write-through", "start": "empty", "ttl_s": "60"}
FILE = "recorded.json"
STEP = (
    *("worker", "role", "step", "server", "command", "reply", "took_ms"),
    *("cached", "committed", "meaning"),
)
Rows = list[dict[str, Value]]


class Tables:
    """Receives a sandbox's events, and keeps the newest rows of each table and the versions."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._rows: dict[str, Rows] = {}

    def on_event(self, entry: Entry) -> None:
        """Take an event into account."""
        match entry.event:
            case SandboxOpened(versions=versions):
                self.versions = dict(versions)
            case TableChanged(table=table, rows=rows):
                self._rows[table] = [dict(row) for row in rows]

    def __getitem__(self, table: str) -> Rows:
        return self._rows[table]


def record_race(supervisor: SandboxSupervisor) -> dict[str, Any]:
    """All orders of the race of SETTINGS: the steps of each as the servers answered them, and how
    it ended.

    Each order is played twice, once in the run of all orders and once alone. RunsDiffer if it does
    not end the same way.
    """
    tables = Tables()
    sandbox = supervisor.open(LAB, dict(SETTINGS), on_event=tables.on_event)
    try:
        supervisor.call(sandbox, "action", name="run-all")
        orders = [
            _played(supervisor, sandbox, tables, str(row["order"]), str(row["outcome"]))
            for row in tables["orders"]
        ]
    finally:
        supervisor.end(sandbox, "the race is recorded", gently=True)
    return {
        "lab": LAB,
        "settings": SETTINGS,
        "recorded_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": tables.versions,
        "isolation": supervisor.isolation,
        "orders": orders,
    }


def write(record: Mapping[str, Any]) -> Path:
    """Put the record into the lab's folder, one step a line; returns the file."""
    file = folder_of(LAB) / FILE
    head = {name: value for name, value in record.items() if name != "orders"}
    orders = ",\n".join(_order_as_text(order) for order in record["orders"])
    text = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    file.write_text(f'{text},\n "orders": [\n{orders}\n ]\n}}\n')
    return file


def _played(
    supervisor: SandboxSupervisor, sandbox: str, tables: Tables, order: str, outcome: str
) -> dict[str, Any]:
    # A play leaves the servers as it ended: every order begins with the shop as it was made.
    supervisor.call(sandbox, "reset")
    supervisor.call(sandbox, "action", name="play", fields={"order": order})
    *steps, end = tables["played"]
    if end["meaning"] != outcome:
        raise RunsDiffer(
            f"The order {order} ended {outcome} at first and {end['meaning']} when it was played "
            "again."
        )
    return {
        "order": "".join(str(step["worker"]) for step in steps),
        "outcome": outcome,
        "says": end["reply"],
        "steps": [{name: step[name] for name in STEP} for step in steps],
    }


def _order_as_text(order: Mapping[str, Any]) -> str:
    head = {name: value for name, value in order.items() if name != "steps"}
    steps = ",\n".join(
        "    " + json.dumps(step, ensure_ascii=False, separators=(", ", ": "))
        for step in order["steps"]
    )
    text = json.dumps(head, ensure_ascii=False).removesuffix("}")
    return f'  {text}, "steps": [\n{steps}\n  ]}}'
