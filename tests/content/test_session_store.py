"""The lesson on sessions quotes the code that its lab runs, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labs.caching import sessions
from portal.settings import ROOT

LESSON = (ROOT / "lessons/session-store/lesson.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^```python\n(.*?)^```", LESSON, re.DOTALL | re.MULTILINE)


def lines(code: str) -> list[str]:
    return [line.strip() for line in code.splitlines() if line.strip()]


def test_the_lesson_quotes_code():
    assert len(QUOTED) == 4


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda quoted: lines(quoted)[0])
def test_what_the_lesson_quotes_is_what_runs(quoted):
    running = lines(Path(sessions.__file__).read_text(encoding="utf-8"))
    wanted = lines(quoted)

    assert any(running[start : start + len(wanted)] == wanted for start in range(len(running)))
