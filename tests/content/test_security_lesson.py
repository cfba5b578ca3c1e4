"""The lesson on security: it quotes and answers every line of the notes on it, the client that it
shows checks whom it talks to, and each lab of access is used.
"""

from __future__ import annotations

import re

import pytest
from redis import Redis, SSLConnection

from portal.content.loading import load
from portal.content.model import LabLink, Predict
from portal.settings import ROOT

COURSE = load(ROOT / "lessons")
LESSON = COURSE.lessons["security"]
TEXT = (ROOT / "lessons/security/lesson.md").read_text(encoding="utf-8")
NOTES = [line for line in COURSE.notes.lines if line.lesson == "security"]


@pytest.mark.parametrize("line", NOTES, ids=lambda line: line.fact)
def test_a_line_of_the_notes_is_quoted(line):
    assert line.says in TEXT


def test_every_line_that_an_exam_answers_otherwise_has_both_answers():
    asked = set(re.findall(r'::: exam fact="(A\d+)"', TEXT))

    assert {line.fact for line in NOTES if line.answer} <= asked


def test_the_client_that_the_lesson_shows_checks_the_certificate_and_the_name():
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    built: dict[str, Redis] = {}

    exec(code, built)
    connection = built["cache"].connection_pool.make_connection()

    assert isinstance(connection, SSLConnection)
    assert connection.cert_reqs.name == "CERT_REQUIRED"
    assert connection.check_hostname


@pytest.mark.parametrize("lab", LESSON.labs)
def test_each_lab_of_the_lesson_is_opened_and_its_prediction_asked(lab):
    assert lab in {block.lab for block in LESSON.blocks if isinstance(block, LabLink)}
    assert lab in {block.lab for block in LESSON.blocks if isinstance(block, Predict)}
