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
        self._unwritten_sent_at: dict[str, float] = {}
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
            before = time.time() - RESEND_S
            rows = self._db.execute(
                "SELECT body FROM outcome WHERE sent_at < ? ORDER BY rowid LIMIT ?", (before, limit)
            ).fetchall()
            sent_at = self._unwritten_sent_at
            unwritten = (
                body for name, body in self._unwritten.items() if sent_at.get(name, 0.0) < before
            )
            return [*(body for (body,) in rows), *unwritten][:limit]

    def sent(self, bodies: list[str]) -> None:
        """These were sent just now."""
        now, names = time.time(), [json.loads(body)["id"] for body in bodies]
        with self._lock:
            self._unwritten_sent_at |= {name: now for name in names if name in self._unwritten}
            self._change(
                "UPDATE outcome SET sent_at = ? WHERE id = ?", [(now, name) for name in names]
            )

    def acknowledged(self, outcome_id: str) -> None:
        """This one is safe elsewhere: forget it. On a full disk it may be sent once more, and
        acknowledged again.
        """
        with self._lock:
            self._unwritten.pop(outcome_id, None)
            self._unwritten_sent_at.pop(outcome_id, None)
            self._change("DELETE FROM outcome WHERE id = ?", [(outcome_id,)])

    def __len__(self) -> int:
        with self._lock:
            written = int(self._db.execute("SELECT count(*) FROM outcome").fetchone()[0])
            return written + len(self._unwritten)

    def _write(self) -> None:
        if self._unwritten and self._change(
            "INSERT OR IGNORE INTO outcome (id, body) VALUES (?, ?)", list(self._unwritten.items())
        ):
            self._unwritten.clear()
            self._unwritten_sent_at.clear()

    def _change(self, statement: str, rows: list[tuple[Any, ...]]) -> bool:
        """True if it was written; False where there is no room, which is no reason to stop."""
        try:
            self._db.executemany(statement, rows)
        except sqlite3.OperationalError as exc:
            log.error(
                "the outbox can't be written, %d are in memory: %s", len(self._unwritten), exc
            )
            return False
        return True

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with self._lock:
            self._db.close()
