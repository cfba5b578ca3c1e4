"""The notes: what is wrong with a file of them, and what becomes of a right one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from portal.content.loading import load
from portal.content.notes import Verdict
from portal.content.rules import problems

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "lessons"
GROUP = '[[group]]\ntitle = "Caches"\n'
LINE = """
[[group.line]]
fact = "A1"
says = "Nobody is told anything"
verdict = "incomplete"
holds = "It depends."
checked = "2026-11"
lesson = "first"
sources = [{ page = "A page", url = "https://example.com/page" }]
"""


def read(folder, *groups):
    copy = folder / "lessons"
    shutil.copytree(SAMPLES, copy)
    (copy / "notes.toml").write_text("\n".join(groups))
    return load(copy)


def problems_of_notes(course):
    return [problem for problem in course.problems if problem.place.file == "notes.toml"]


def test_a_file_of_lines_becomes_the_notes_of_the_course(tmp_path):
    second = LINE.replace("A1", "A2").replace("incomplete", "wrong")
    course = read(tmp_path, GROUP, LINE, GROUP, second)

    assert [line.anchor for line in course.notes.lines] == ["a1", "a2"]
    assert [group.anchor for group in course.notes.groups] == ["from-a1", "from-a2"]
    assert [course.notes.counts[verdict] for verdict in Verdict] == [0, 1, 0, 1]
    assert [verdict.words for verdict in Verdict][1] == "right but incomplete"
    assert problems_of_notes(course) == []


def test_a_course_without_the_file_has_no_notes_and_no_problem():
    course = load(SAMPLES)

    assert course.notes.lines == ()
    assert problems_of_notes(course) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"first"', '"tenth"', "(A1): there is no lesson tenth"),
        ("sources = [{", "sources = []\n#", "(group.0.line.A1.sources)"),
        ("https://", "http://", "(group.0.line.A1.sources.0.url)"),
        ('"incomplete"', '"perhaps"', "(group.0.line.A1.verdict)"),
        ('checked = "2026-11"', "", "(A1): it has neither `since` (when it changed) nor"),
        ('"2026-11"', '"November"', "(group.0.line.A1.checked)"),
        ("It depends.", "so " * 46, "(A1): `holds` has 46 words, more than 45"),
        ("It depends.", "Nobody minds.", "(A1): “Nobody”: name the actor"),
        ("checked", 'answer = "shall"\nchecked', "(A1): “shall”: should"),
        ("checked", 'colour = "red"\nchecked', "(group.0.line.A1.colour)"),
        (LINE, LINE * 2, "(A1): it is there twice"),
    ],
)
def test_a_problem_names_the_line(tmp_path, old, new, said):
    assert old in LINE
    course = read(tmp_path, GROUP, LINE.replace(old, new, 1))

    found = [str(each) for each in (*course.problems, *problems(tmp_path / "lessons", course))]

    assert any(each.startswith(f"notes.toml {said}") for each in found), found


def test_the_words_of_the_notes_themselves_are_not_ours(tmp_path):
    assert "told" in LINE
    course = read(tmp_path, GROUP, LINE)
    assert problems(tmp_path / "lessons", course) == []


def test_an_answer_is_the_one_that_a_lesson_gives(tmp_path):
    line = LINE.replace("checked", 'answer = "another"\nchecked')
    course = read(tmp_path, GROUP, line)

    found = [str(problem) for problem in problems(tmp_path / "lessons", course)]
    assert found == [
        "notes.toml (A1): an exam's answer is “another” here and “as it was” in a lesson"
    ]
