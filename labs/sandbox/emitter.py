"""What a sandbox says: events, sentences, tables and records, all sent as events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labs.events import (
    MOST_ROWS,
    CaptionChanged,
    Event,
    NoteAdded,
    RecordSaved,
    TableChanged,
    Value,
)

MOST_RECORDS = 12


class Emitter:
    """Keeps the newest rows of each table (`found`) and the newest records. Any thread may call."""

    def __init__(self, emit: Callable[[Event], None], *, on_news: Callable[[], None]) -> None:
        """`on_news` is called after an event that a reader would notice."""
        self._emit = emit
        self._on_news = on_news
        self.found: dict[str, list[dict[str, Value]]] = {}
        self.records: dict[str, dict[str, Any]] = {}

    def emit(self, event: Event) -> None:
        """Send an event to everyone who follows this sandbox, and have the checks look again."""
        self._emit(event)
        if event.sentence:
            self._on_news()

    def say(self, text: str, meaning: str = "none") -> None:
        """Put a sentence on the timeline."""
        # callers pass a Sense
        self.emit(NoteAdded(text=text, meaning=meaning))  # type: ignore[arg-type]

    def caption(self, strong: str, text: str = "") -> str:
        """Put a sentence under the drawing, and the details after it; returns the sentence."""
        self.emit(CaptionChanged(text=f"{strong} {text}".strip(), strong=strong))
        return strong

    def tabulate(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Replace all rows of a table of this lab; those beyond MOST_ROWS are left out.

        `found` keeps them for the checks.
        """
        self.found[table] = [dict(row) for row in rows[:MOST_ROWS]]
        self.emit(TableChanged(table=table, rows=self.found[table]))

    def save_record(
        self, name: str, title: str, document: dict[str, Any], results: Mapping[str, Value]
    ) -> None:
        """Keep a document that the page can show, compare, share and save; the oldest of
        MOST_RECORDS goes.
        """
        self.records.pop(name, None)
        self.records[name] = document
        if len(self.records) > MOST_RECORDS:
            del self.records[next(iter(self.records))]
        self.emit(RecordSaved(record=name, title=title, results=dict(results)))
