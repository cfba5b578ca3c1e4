"""What `lessons check` finds in lessons that can be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli import main
from portal.content.loading import load
from portal.content.plain_words import banned
from portal.content.prose import passages
from portal.content.rules import problems

SAMPLES = Path(__file__).resolve().parent.parent / "samples" / "lessons"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample lessons, to spoil."""
    shutil.copytree(SAMPLES, tmp_path / "lessons")
    return tmp_path / "lessons"


def found(folder: Path) -> str:
    return "\n".join(str(problem) for problem in problems(folder, load(folder)))


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_samples_break_no_rule(folder):
    assert found(folder) == ""


def test_the_command_prints_what_breaks_a_rule_and_fails(folder):
    spoil(folder / "first/lesson.md", "Start the load.", "Nobody starts the load.")

    ran = CliRunner().invoke(main, ["lessons", "check", str(folder)])

    assert ran.exit_code == 1
    assert "“Nobody”: name the actor" in ran.output


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("first/lesson.md", "The caption.", "The caption, beside it.", "line 8): “beside”: next"),
        ("first/quiz.toml", 'why = "', 'why = "Somebody asks. ', "“Somebody”: name the actor"),
        ("first/lesson.md", "[link](https://example.com/page)", "page", "[^one] has no address"),
        ("first/lesson.md", ' since="2026-11"', "", "a block today has since"),
        ("first/lesson.md", ' answer="as it was"', "", "write ::: exam fact"),
        ("first/lesson.md", "::: check one-of-three\n:::", "Text.", "“The end” has nothing to do"),
        ("first/lesson.md", "Start the load.", "Start.\n:::\n\n" + "word " * 241 + "\n\n::: aws",
         "more than 240: split it"),
        ("first/lesson.md", "5. Five.", "5. Five.\n6. Six.", "6 things to remember, not 5"),
        ("first/lesson.md", "5. Five.", "5. " + "five " * 16, "it has 16 words"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_found_at_its_place(folder, file, old, new, said):
    spoil(folder / file, old, new)

    assert said in found(folder)


GLOSSARY = """[[entry]]
term = "widget"
means = "A thing."
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A widget runs. A [widget]{.term} is a thing.", "“widget” is explained here and used in"),
        ("A [widget]{.term} is a thing. A widget runs.", ""),
        ("A `widget` runs. A [widget]{.term} is a thing.", ""),
        ("A [gadget]{.term} is a thing.", "glossary.toml has no such term"),
    ],
)
def test_a_term_is_explained_before_it_is_used(folder, text, said):
    (folder / "glossary.toml").write_text(GLOSSARY)
    spoil(folder / "second/lesson.md", "Some text.", text)

    assert said in found(folder) if said else found(folder) == ""


def test_a_term_that_an_earlier_lesson_uses_is_explained_there(folder):
    (folder / "glossary.toml").write_text(GLOSSARY)
    spoil(folder / "first/lesson.md", "Start the load.", "Start the widget.")
    spoil(folder / "second/lesson.md", "Some text.", "A [widget]{.term} is a thing.")

    assert "second/lesson.md (line 3): “widget” is explained here and used in first/" in found(
        folder
    )


def test_two_lessons_give_one_answer_to_an_exam_s_question_on_a_fact(folder):
    block = ':::: truths\n::: exam fact="A1" answer="another"\nText.\n:::\n::::\n\n## Here\n'
    spoil(folder / "second/lesson.md", "## Here\n", block)

    assert "an exam's answer on A1 is “another” here and “as it was” before" in found(folder)


@pytest.mark.parametrize(
    "text", ["`nobody`", "[x](https://example.com/nobody)", "A marshall.", "It is foretold."]
)
def test_code_addresses_and_parts_of_words_are_no_words(text):
    assert list(banned(text)) == []


def test_what_a_learner_reads_is_counted():
    first, second = passages(
        "One two.\n\n## A heading\n\nThree {{lab.figure}} [four](https://x.y)[^n].\n\n"
        "```\nno no\n```\n\n| no | no |\n\n::: curious Title\nno\n:::\n\n"
        "::: lab sample-lab\nFive.\n:::\n\n[^n]: no\n    no\n"
    )

    assert (first.words, second.words, second.running_words) == (2, 4, 3)
    assert (second.title, second.line, second.tasks) == ("A heading", 3, ["lab"])
