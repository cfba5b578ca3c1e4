"""What `lessons check` finds in the questions of a lesson as a whole: keys that can be guessed by
their length, too few questions in the style of an exam, kinds that are not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from portal.content.model import Course, Kind, Place, Problem, Question

MOST_LONGEST_KEYS: Final = 1 / 3
"""Of the questions of one answer: as often the longest of three options is right by chance."""
LEAST_OF_AN_EXAM: Final = 4
IN_EACH_BANK: Final[tuple[Kind, ...]] = ("order", "match", "fill", "trace")


def problems(course: Course) -> list[Problem]:
    """What is wrong with the questions of each written lesson, taken together."""
    return [
        Problem(Place(f"{lesson.slug}/quiz.toml"), text)
        for lesson in course.written
        for text in _found(lesson.questions)
    ]


def _found(questions: Sequence[Question]) -> Iterator[str]:
    asked = [question for question in questions if question.kind == "one"]
    longest = [question.id for question in asked if _key_is_longest(question)]
    if len(longest) > MOST_LONGEST_KEYS * len(asked):
        among = f"{len(longest)} of {len(asked)} questions of one answer"
        yield f"the right option is the longest in {among}: {', '.join(longest)}"
    if (of_an_exam := sum(bool(q.exam) for q in questions)) < LEAST_OF_AN_EXAM:
        yield f"{of_an_exam} questions name an exam: at least {LEAST_OF_AN_EXAM} do"
    kinds = {question.kind for question in questions}
    for kind in IN_EACH_BANK:
        if kind not in kinds:
            yield f"there is no question of the kind {kind}"


def _key_is_longest(question: Question) -> bool:
    lengths = {True: 0, False: 0}
    for option in question.options:
        lengths[option.right] = max(lengths[option.right], len(option.text.striptags()))
    return lengths[True] > lengths[False]
