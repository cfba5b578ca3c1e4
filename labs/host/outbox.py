"""Outcomes that must not be lost: kept in a file of the host's own until the portal acknowledges
that they are safe in Postgres.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

log = logging.getLogger("labs.outbox")

RESEND_S = 2.0


class Outbox:
    """An SQLite file. Any thread may call; what `put` returned from is on disk.

    On a full disk it is in memory, and sent from there, until there is room.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._unwritten: dict[str, str] = {}
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS outcome (id TEXT PRIMARY KEY, body TEXT NOT NULL, "
            "sent_at REAL NOT NULL DEFAULT 0)"
        )

    def put(self, outcome: dict[str, Any]) -> None:
        """Keep an outcome; the same id twice is one."""
        with self._lock:
            self._unwritten.setdefault(outcome["id"], json.dumps(outcome))
            self._write()

    def due(self, limit: int = 200) -> list[str]:
        """Outcomes to send now, as JSON: new ones, and those sent a while ago that no recorder has
        acknowledged.
        """
        with self._lock:
            self._write()
            rows = self._db.execute(
                "SELECT body FROM outcome WHERE sent_at < ? ORDER BY rowid LIMIT ?",
                (time.time() - RESEND_S, limit),
            ).fetchall()
            return [*self._unwritten.values(), *(body for (body,) in rows)]

    def sent(self, bodies: list[str]) -> None:
        """These were sent just now."""
        with self._lock:
            self._db.executemany(
                "UPDATE outcome SET sent_at = ? WHERE id = ?",
                [(time.time(), json.loads(body)["id"]) for body in bodies],
            )

    def acknowledged(self, outcome_id: str) -> None:
        """This one is safe elsewhere: forget it."""
        with self._lock:
            self._unwritten.pop(outcome_id, None)
            self._db.execute("DELETE FROM outcome WHERE id = ?", (outcome_id,))

    def __len__(self) -> int:
        with self._lock:
            written = int(self._db.execute("SELECT count(*) FROM outcome").fetchone()[0])
            return written + len(self._unwritten)

    def _write(self) -> None:
        if not self._unwritten:
            return
        try:
            self._db.executemany(
                "INSERT OR IGNORE INTO outcome (id, body) VALUES (?, ?)",
                list(self._unwritten.items()),
            )
            self._unwritten.clear()
        except sqlite3.OperationalError as exc:
            log.error("%d outcomes are in memory only: %s", len(self._unwritten), exc)

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with self._lock:
            self._db.close()
