"""What is found in the questions of a lesson as a whole."""

from __future__ import annotations

from markupsafe import Markup

from portal.content.model import Course, Html, Kind, Lesson, Option, Part, Question
from portal.content.quiz_rules import problems

KINDS: tuple[Kind, ...] = ("order", "match", "fill", "trace")


def one(name: str, key: str, *wrong: str, exam: str = "") -> Question:
    """A question of one answer with these options."""
    texts = [(key, True), *((text, False) for text in wrong)]
    options = tuple(Option(text, Markup(text), right, Markup()) for text, right in texts)
    return Question(name, "one", Markup("?"), ("A1",), options=options, exam=exam)


def of(kind: Kind, *, exam: str = "") -> Question:
    return Question(f"a-{kind}", kind, Markup("?"), ("A1",), exam=exam)


def found(*questions: Question) -> list[str]:
    """What is said of a lesson with these questions."""
    lesson = Lesson("a-lesson", 1, "", "", (), "", blocks=(Html(Markup()),), questions=questions)
    in_the_course = problems(Course("", (Part("", (lesson,)),)))
    assert {problem.place.file for problem in in_the_course} <= {"a-lesson/quiz.toml"}
    return [problem.text for problem in in_the_course]


BANK = [of(kind, exam="SAA-C03") for kind in KINDS]


def test_a_bank_with_all_kinds_and_four_of_an_exam_has_no_problem():
    assert found(*BANK, one("short", "four", "three"), one("same", "three", "seven")) == []


def test_the_longest_option_may_be_right_in_a_third():
    alike = one("alike", "three", "seven", "eight")
    long = one("long", "a long one", "short", "shorter")

    assert found(*BANK, alike, long, alike) == []
    assert found(*BANK, alike, long) == [
        "the right option is the longest in 1 of 2 questions of one answer: long"
    ]


def test_markup_makes_no_option_longer():
    code = one("code", "<code>SET</code>", "EXPIRE")

    assert found(*BANK, code) == []


def test_too_few_questions_of_an_exam_are_counted():
    bank = [*(of(kind, exam="SAA-C03") for kind in KINDS[:3]), of("trace")]

    assert found(*bank) == ["3 questions name an exam: at least 4 do"]


def test_each_kind_that_is_missing_is_named():
    bank = [of("order", exam="DVA-C02"), of("fill", exam="DVA-C02")] * 2

    assert found(*bank) == [
        "there is no question of the kind match",
        "there is no question of the kind trace",
    ]
