"""What Postgres answers to a command, read in pieces: of each result the first rows are kept and
the others counted.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field

from labs.clients.sql_session import SqlSession
from labs.sandbox.console import OUTPUT_LIMIT, ROW_LIMIT, SQL_DEADLINE_S
from labs.sandbox.psql_message import fields, message, notification
from labs.sandbox.psql_table import escaped, table

COLUMN_LIMIT = 100
_LONGEST_VALUE, _LONGEST_IN_WIDE_ROWS = 1_000, 200
_BYTES_OF_VALUE = 4 * _LONGEST_VALUE + 4
_BYTES_OF_RESULT = 8 * OUTPUT_LIMIT
_MOST_NOTES = 20
_CANCEL_S, END_S = SQL_DEADLINE_S + 0.5, SQL_DEADLINE_S + 3.0
_NEARLY_S = 0.1
_CANCELLED = "57014"
"""Postgres' code for it."""
_RIGHT = frozenset((20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069))
"""The types whose values psql prints at the right: numbers, money, object and transaction ids."""
_WITH_ROWS_AND_TAG = ("INSERT", "UPDATE", "DELETE", "MERGE")


@dataclass(slots=True)
class _Result:
    names: list[str]
    rights: list[bool]
    columns: int
    rows: list[list[bytes | None]] = field(default_factory=list)
    count: int = 0
    kept: int = 0


class Reply:
    """The answer to one command, as `read` finds it."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._lines: list[str] = []
        self._room = OUTPUT_LIMIT
        self._result: _Result | None = None
        self._results = 0
        self._copied = self._copied_shown = 0
        self._notes: list[str] = []
        self._noted = 0
        self._notices = 0
        self._cut: list[str] = []
        self._long = False
        self.tags: list[str] = []
        self.failed = False
        self.fatal = ""
        """What the server said when it ended the session."""
        self._interrupted = False
        self.cancelled = False
        """True if it ran for longer than this console allows."""
        self.begun = False
        """True once the server has sent anything."""

    @property
    def text(self) -> str:
        """As psql prints it on a terminal: a tab is spaces."""
        return "\n".join([*self._lines, *self._notes]).rstrip("\n").expandtabs(8)[:OUTPUT_LIMIT]

    @property
    def left_out(self) -> list[str]:
        """A sentence for each thing that is not shown."""
        said = self._cut[:3] + ["More results are cut."] * (len(self._cut) > 3)
        if self._long:
            said.append("Long values are cut: … marks where.")
        if self._notices > _MOST_NOTES:
            said.append(f"{_MOST_NOTES} of {self._notices:,} messages of the server are shown.")
        if self._noted > len(self._notes):
            said.append(f"{len(self._notes):,} of {self._noted:,} notifications are shown.")
        return said

    def read(self, session: SqlSession) -> None:
        """Read until the server is ready. Cancels what takes too long. Raises OSError when the
        session ends before.
        """
        began = time.monotonic()
        cancel_at = began + _CANCEL_S
        with session.within(END_S):
            while True:
                if not self.cancelled and not session.waiting(cancel_at - time.monotonic()):
                    self.cancelled = True
                    session.cancel()
                if self.take(session):
                    break
        # The session's own timeout comes first, unless a learner has set another.
        took_s = time.monotonic() - began
        self.cancelled |= self._interrupted and took_s >= SQL_DEADLINE_S - _NEARLY_S

    def take(self, session: SqlSession) -> bool:
        """Take the next message; True if the server is ready for another command. Raises OSError
        when the session ends.
        """
        try:
            return self._took(session)
        except (ValueError, IndexError, struct.error) as exc:
            raise session.unreadable() from exc

    def _took(self, session: SqlSession) -> bool:
        letter, size = session.head()
        self.begun = True
        if letter == "D" and self._result is not None:
            self._row(session, size, self._result)
        elif letter == "d":
            self._copy_row(session, size)
        elif letter == "Z":
            session.ready(session.body(size))
            return True
        elif letter == "G":
            session.skip(size)
            session.fail_copy("this console sends no rows, use INSERT")
        elif letter in "TCENA":
            self._said(letter, session.body(size))
        else:
            session.skip(size)
        return False

    def _said(self, letter: str, body: bytes) -> None:
        if letter == "T":
            self._result = _described(body)
        elif letter == "C":
            self._completed(body.rstrip(b"\0").decode(errors="replace"))
        elif letter == "A":
            self._noted += 1
            if len(self._notes) < _MOST_NOTES:
                self._notes.append(notification(body))
        elif letter == "N":
            self._notices += 1
            if self._notices <= _MOST_NOTES:
                self._print(message(body, self._statement))
        else:
            text = message(body, self._statement)
            self.failed, self._result = True, None
            self._lines.append(text)
            said = fields(body)
            self._interrupted |= said.get("C") == _CANCELLED
            if said.get("V") in ("FATAL", "PANIC"):
                self.fatal = text

    def _row(self, session: SqlSession, size: int, result: _Result) -> None:
        result.count += 1
        if len(result.rows) >= ROW_LIMIT or result.kept >= _BYTES_OF_RESULT:
            session.skip(size)
            return
        row = session.row(size, columns=COLUMN_LIMIT, longest=_BYTES_OF_VALUE)
        result.kept += sum(len(value or b"") for value in row)
        result.rows.append(row)

    def _copy_row(self, session: SqlSession, size: int) -> None:
        self._copied += 1
        if self._copied > ROW_LIMIT or size > self._room:
            session.skip(size)
            return
        if self._print(escaped(session.body(size).decode(errors="replace").rstrip("\n"))):
            self._copied_shown += 1

    def _completed(self, tag: str) -> None:
        result, self._result = self._result, None
        self.tags.append(tag)
        if result is not None:
            self._results += 1
            self._table(result)
        if tag.startswith("COPY ") and self._copied:
            self._is_cut(self._copied_shown, self._copied, "rows")
            self._copied = self._copied_shown = 0
        elif result is None or tag.startswith(_WITH_ROWS_AND_TAG):
            self._print(escaped(tag))

    def _table(self, result: _Result) -> None:
        lines: list[str] = []
        shown = 0
        for longest in (_LONGEST_VALUE, _LONGEST_IN_WIDE_ROWS):
            rows = [[_shown(value, longest) for value in row] for row in result.rows]
            lines, shown = table(result.names, rows, result.rights, self._room - 20)
            if shown or not rows:
                break
        self._long |= any(text[-1:] == "…" for row in rows[:shown] for text in row)
        footer = f"({result.count} row{'' if result.count == 1 else 's'})"
        if not self._print("\n".join([*lines, footer, ""])):
            shown = 0
        self._is_cut(shown, result.count, "rows")
        self._is_cut(len(result.names), result.columns, "columns")

    def _is_cut(self, shown: int, count: int, what: str) -> None:
        if shown < count:
            where = f"Result {self._results}: " if self._results > 1 else ""
            self._cut.append(f"{where}{shown:,} of {count:,} {what} are shown.")

    def _print(self, text: str) -> bool:
        if len(text) >= self._room:
            self._room = min(self._room, 200)
            return False
        self._room -= len(text) + 1
        self._lines.append(text)
        return True


def _described(body: bytes) -> _Result:
    (columns,) = struct.unpack("!h", body[:2])
    names, rights, at = [], [], 2
    for _ in range(min(columns, COLUMN_LIMIT)):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode(errors="replace"))
        (kind,) = struct.unpack("!I", body[end + 7 : end + 11])
        rights.append(kind in _RIGHT)
        at = end + 19
    return _Result(names, rights, columns)


def _shown(value: bytes | None, longest: int) -> str:
    if value is None:
        return ""
    whole = len(value) < _BYTES_OF_VALUE
    text = value.decode(errors="replace" if whole else "ignore")
    return text if whole and len(text) <= longest else text[:longest] + "…"
