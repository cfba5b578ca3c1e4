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
            "second/quiz.toml",
            ', "The app asks the database.", "The app fills the cache with `SET`."',
            "",
            "second/quiz.toml (question.in-order.steps): List should have at least 3 items",
        ),
        (
            "second/quiz.toml",
            "The cache says no.",
            "The app asks the cache.",
            "second/quiz.toml (in-order): two steps are the same",
        ),
        (
            "second/quiz.toml",
            "deletes a key",
            "reads a value",
            "second/quiz.toml (in-pairs): two right sides are the same",
        ),
        (
            "second/quiz.toml",
            "`DEL page:42`",
            "`GET page:42`",
            "second/quiz.toml (in-pairs): two left sides are the same",
        ),
        ("second/quiz.toml", ', "deletes a key"', "", "question.in-pairs.pairs.1"),
        (
            "second/quiz.toml",
            'accepts = ["EXPIRE page:42 60", "PEXPIRE page:42 60000"]',
            "accepts = []",
            "second/quiz.toml (question.typed.accepts): List should have at least 1 item",
        ),
        (
            "second/quiz.toml",
            "PEXPIRE page:42 60000",
            "EXPIRE page:42 60",
            "second/quiz.toml (typed): two spellings are the same",
        ),
        (
            "second/quiz.toml",
            "right = true",
            "right = false",
            "second/quiz.toml (traced): a trace has one right option, not 0",
        ),
        (
            "second/quiz.toml",
            '"(nil)"',
            '"(integer) 60"',
            "second/quiz.toml (traced): two options are the same",
        ),
        (
            "second/quiz.toml",
            '"SET page:42 b"',
            '"SET page:42 b\\nGET page:42"',
            "second/quiz.toml (traced): a command of Redis stands on one line",
        ),
        ("second/quiz.toml", 'server = "redis"', 'server = "mysql"', "question.traced.server"),
        ("second/quiz.toml", "DVA-C02", "CLF-C02", "second/quiz.toml (question.in-order.exam)"),
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


@pytest.mark.parametrize(
    ("question", "old", "new"),
    [
        ("in-order", "The cache says no.", "The cache misses."),
        ("in-order", '"The cache says no.", "The app asks the database."', "SWAPPED"),
        ("in-pairs", "deletes a key", "drops a key"),
        ("typed", "PEXPIRE page:42 60000", "PEXPIRE page:42 61000"),
        ("traced", "SET page:42 b", "SET page:42 c"),
        ("traced", 'server = "redis"', 'server = "memcached"'),
    ],
)
def test_the_hash_of_a_question_covers_all_that_is_asked(lessons, question, old, new):
    if new == "SWAPPED":
        new = ", ".join(reversed(old.split(", ")))
    before = {q.id: q.content_hash for q in load(lessons).lessons["second"].questions}
    spoil(lessons / "second" / "quiz.toml", old, new)
    after = {q.id: q.content_hash for q in load(lessons).lessons["second"].questions}

    assert [name for name in before if before[name] != after[name]] == [question]


def test_the_hash_of_a_question_of_an_older_kind_is_what_it_was(lessons):
    """Answers that learners gave before there were the newer kinds still count."""
    lesson = load(lessons).lessons["first"]

    assert lesson.question("a-number").content_hash == (
        "aa5c1fbc79461c77877efdcd37a818acea71354ab09fced6310eb63c28d80049"
    )


def test_what_is_written_of_the_newer_kinds_is_in_the_course(lessons):
    order, match, fill, trace = load(lessons).lessons["second"].questions[1:]

    assert order.exam == "DVA-C02" and not match.exam
    assert [(row.text, row.belongs) for row in order.rows][3] == (
        "The app fills the cache with <code>SET</code>.",
        "4",
    )
    assert [choice.text for choice in order.choices] == ["1st", "2nd", "3rd", "4th"]
    assert [row.belongs for row in match.rows] == [choice.key for choice in match.choices]
    assert not {row.key for row in match.rows} & {choice.key for choice in match.choices}
    assert match.choices[2].plain == "says how long it stays"
    assert fill.accepts == ("EXPIRE page:42 60", "PEXPIRE page:42 60000")
    assert trace.server == "redis" and trace.commands[-1] == "TTL page:42"
    assert [option.text for option in trace.options if option.right] == ["(integer) -1"]


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
