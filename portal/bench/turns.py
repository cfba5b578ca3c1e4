"""A turn of a console as a page shows it."""

from __future__ import annotations

import re
from typing import Any

_SQL_ERROR = re.compile(r"^(?:ERROR|FATAL|PANIC):  ", re.MULTILINE)


def with_error_apart(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn; in one of SQL that failed, what came before the error stands apart, as `came`.

    Postgres answers several statements one after the other until one fails, so the error is last.
    """
    output = turn.get("output", "")
    errors = list(_SQL_ERROR.finditer(output))
    if turn["language"] != "sql" or not turn["failed"] or not errors:
        return turn
    start = errors[-1].start()
    return turn | {"came": output[:start].rstrip("\n"), "output": output[start:]}
