"""Reading a folder of lessons: all problems at once, each with its file and place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli import main
from portal.content.loading import load

SAMPLES = Path(__file__).resolve().parent.parent / "samples" / "lessons"


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    """A copy of the sample lessons, to spoil."""
    shutil.copytree(SAMPLES, tmp_path / "lessons")
    return tmp_path / "lessons"


def problems(folder: Path) -> str:
    return "\n".join(
        str(problem) for problem in load(folder).problems if "there is no lab" not in problem.text
    )


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_samples_are_right(lessons):
    assert problems(lessons) == ""
    assert [lesson.slug for lesson in load(lessons).lessons.values() if lesson.written] == [
        "first",
        "second",
    ]


def test_all_problems_are_told_at_once(lessons):
    spoil(lessons / "first" / "quiz.toml", "tolerance = 0.5", 'tolerance = -1\nhint = "x"')
    spoil(lessons / "first" / "lesson.md", "drawing.svg", "missing.svg")
    spoil(lessons / "second" / "quiz.toml", 'facts = ["B1"]', 'facts = ["Z1"]')

    told = problems(lessons)

    for part in ("a-number.tolerance", "a-number.hint", "missing.svg", "alone.facts.0"):
        assert part in told


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "first/quiz.toml",
            "right = true",
            "right = false",
            "first/quiz.toml (one-of-three): one choice has one right option",
        ),
        ("first/quiz.toml", 'why = "Your code does."', "", "one-of-three.option.0.why"),
        ("first/quiz.toml", 'kind = "number"', 'kind = "essay"', "first/quiz.toml"),
        (
            "first/quiz.toml",
            'facts = ["A3"]',
            'facts = ["A3"]\nsee = "the-middle"',
            "first/quiz.toml (a-number): there is no section the-middle",
        ),
        ("first/quiz.toml", "tolerance = 0.5", 'tolerance = -1\nhint = "x"', "a-number.hint"),
        ("first/quiz.toml", 'id = "two-of-three"', 'id = "one-of-three"', "the id is there twice"),
        ("first/quiz.toml", "[[question]]", "[[question", "it is not TOML"),
        (
            "first/lesson.md",
            "::: check one-of-three",
            "::: check two-of-four",
            "quiz.toml has no question two-of-four",
        ),
        ("first/lesson.md", "drawing.svg", "missing.svg", "figures/missing.svg cannot be read"),
        (
            "first/lesson.md",
            "{{sample-lab.hit_p50_ms}}",
            "{{sample-lab.hit_p51_ms}}",
            "sample-lab.hit_p51_ms",
        ),
        ("measured.toml", "0.1894", '"fast"', "measured.toml (sample-lab.hit_p50_ms)"),
        (
            "course.toml",
            'line = "Every block there is."',
            'line = "Every block there is."\ncolour = "red"',
            "course.toml (part.0.lesson.first.colour)",
        ),
        ("course.toml", 'slug = "second"', 'slug = "first"', "the slug is there twice"),
        (
            "course.toml",
            'slug = "second"',
            'slug = "fourth"',
            "second/lesson.md: course.toml does not name this lesson",
        ),
    ],
)
def test_a_problem_names_its_file_and_place(lessons, file, old, new, told):
    spoil(lessons / file, old, new)

    assert told in problems(lessons)


def test_a_lesson_without_a_quiz_is_a_problem(lessons):
    (lessons / "second" / "quiz.toml").unlink()

    assert "second/quiz.toml: a lesson has a quiz" in problems(lessons)


def test_text_that_is_not_utf8_is_a_problem(lessons):
    (lessons / "second" / "lesson.md").write_bytes(b"\xff\xfe")

    assert "second/lesson.md: it cannot be read as UTF-8" in problems(lessons)


def test_a_folder_without_a_course_is_a_problem(tmp_path):
    assert "course.toml: it cannot be read" in problems(tmp_path)


def test_the_hash_of_a_question_changes_with_its_wording(lessons):
    before = {q.id: q.content_hash for q in load(lessons).lessons["first"].questions}
    spoil(lessons / "first" / "quiz.toml", "Who asks the database?", "Who asks it?")
    after = {q.id: q.content_hash for q in load(lessons).lessons["first"].questions}

    assert [name for name in before if before[name] != after[name]] == ["one-of-three"]


def test_a_question_leads_to_the_section_that_shows_its_answer(lessons):
    spoil(lessons / "first/quiz.toml", 'facts = ["A3"]', 'facts = ["A3"]\nsee = "the-beginning"')

    lesson = load(lessons).lessons["first"]
    found = {question.id: lesson.shown_in(question) for question in lesson.questions}

    assert {name: section and section.title for name, section in found.items()} == {
        "one-of-three": "The end",
        "two-of-three": None,
        "a-number": "The beginning",
        "a-measure": "The beginning",
    }


def test_the_command_prints_the_problems_and_fails(lessons):
    spoil(lessons / "first" / "quiz.toml", "right = true", "right = false")

    result = CliRunner().invoke(main, ["lessons", "check", str(lessons)])

    assert result.exit_code == 1
    assert "one choice has one right option" in result.output
