"""Events, sentences, tables and records of a sandbox, all sent as events (labs.sandbox.context)."""

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
        self._emit(event)
        if event.sentence:
            self._on_news()

    def say(self, text: str, meaning: str = "none") -> None:
        # callers pass a Sense
        self.emit(NoteAdded(text=text, meaning=meaning))  # type: ignore[arg-type]

    def caption(self, strong: str, text: str = "") -> str:
        self.emit(CaptionChanged(text=f"{strong} {text}".strip(), strong=strong))
        return strong

    def tabulate(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        self.found[table] = [dict(row) for row in rows[:MOST_ROWS]]
        self.emit(TableChanged(table=table, rows=self.found[table]))

    def save_record(
        self, name: str, title: str, document: dict[str, Any], results: Mapping[str, Value]
    ) -> None:
        self.records.pop(name, None)
        self.records[name] = document
        if len(self.records) > MOST_RECORDS:
            del self.records[next(iter(self.records))]
        self.emit(RecordSaved(record=name, title=title, results=dict(results)))
