"""The lessons as they stand: no problem in any, every question answerable, every link leading
somewhere.
"""

from __future__ import annotations

import re

import pytest

from labs.client import catalogue
from portal.content import quiz_rules, rules
from portal.content.loading import load
from portal.content.model import Course, Html, Instructor, LabLink
from portal.settings import ROOT

COURSE: Course = load(ROOT / "lessons")
TERMS = {entry.anchor for entry in COURSE.glossary.entries}
WRITTEN = [lesson for lesson in COURSE.lessons.values() if lesson.written]
QUESTIONS = [(lesson, question) for lesson in WRITTEN for question in lesson.questions]


def test_the_lessons_have_no_problems():
    assert [str(problem) for problem in COURSE.problems] == []


def test_the_lessons_break_no_rule_for_writers():
    assert [str(problem) for problem in rules.problems(ROOT / "lessons", COURSE)] == []
    assert [str(problem) for problem in quiz_rules.problems(COURSE)] == []


def test_there_are_fifteen_lessons_and_some_are_written():
    assert len(COURSE.lessons) == 15
    assert WRITTEN


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_a_lesson_has_a_bank_of_twelve_questions(lesson):
    assert len(lesson.questions) >= 12


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_a_lesson_opens_with_its_question_and_ends_with_what_to_remember(lesson):
    texts = [str(block.html) for block in lesson.blocks if isinstance(block, Html)]

    assert texts[0].startswith('<p class="question">')
    assert 'class="remember"' in texts[-1]
    assert 'class="footnotes"' in texts[-1]


@pytest.mark.parametrize(
    ("lesson", "question"), QUESTIONS, ids=lambda part: getattr(part, "slug", None) or part.id
)
def test_a_question_can_be_answered_and_says_why(lesson, question):
    if question.options:
        assert any(option.right for option in question.options)
        assert not all(option.right for option in question.options)
        assert all(option.why.strip() for option in question.options)
    else:
        assert question.why.strip()


@pytest.mark.parametrize(
    ("lesson", "question"), QUESTIONS, ids=lambda part: getattr(part, "slug", None) or part.id
)
def test_a_question_that_was_missed_leads_to_a_section_of_its_lesson(lesson, question):
    assert lesson.shown_in(question), f"{lesson.slug}: {question.id} needs a line `see`"


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_links_lead_somewhere(lesson):
    html = "".join(
        str(block.html) for block in lesson.blocks if isinstance(block, (Html, Instructor, LabLink))
    )
    anchors = set(re.findall(r'id="([^"]+)"', html))

    for target in re.findall(r'href="([^"]+)"', html):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif target.startswith("/labs/"):
            assert target.removeprefix("/labs/") in catalogue(), target
        elif target.startswith("/glossary#"):
            assert target.removeprefix("/glossary#") in TERMS, target
        elif target == "/notes":
            assert COURSE.notes.lines
        elif target.startswith("/lessons/"):
            assert target.removeprefix("/lessons/").split("#")[0] in COURSE.lessons, target
        else:
            assert target.startswith("https://"), target


def test_every_line_of_the_notes_is_checked_in_its_order():
    assert [line.fact for line in COURSE.notes.lines] == [f"A{n}" for n in range(1, 35)]


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_anchors_are_there_once(lesson):
    anchors = re.findall(
        r'id="([^"]+)"',
        "".join(str(block.html) for block in lesson.blocks if isinstance(block, Html)),
    )

    assert len(anchors) == len(set(anchors))
