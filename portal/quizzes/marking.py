"""What was answered, and whether it is right. Pure: knows no request and no database."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from labs.lab import number_from
from portal.content.model import Choice, Option, Question, Row

LARGEST = 1e12
LONGEST = 200
"""Characters of what can be typed."""
CHANGED = "This question has changed since you opened the page. Read it again, then answer."
_STRAIGHT = str.maketrans("“”„‘’", '"""\'\'')
_Each = TypeVar("_Each", Option, Row, Choice)


class Unanswerable(Exception):
    """The form holds no answer to this question; the text says what would be one."""


def read_choice(question: Question, chosen: Sequence[str]) -> dict[str, Any]:
    """The options that were chosen; Unanswerable if the question can't be answered so."""
    keys = {option.key for option in question.options}
    if not chosen:
        raise Unanswerable(
            "Choose at least one answer." if question.kind == "several" else "Choose an answer."
        )
    if not set(chosen) <= keys:
        raise Unanswerable(CHANGED)
    if question.kind != "several" and len(set(chosen)) > 1:
        raise Unanswerable("Choose one answer.")
    return {"chosen": sorted(set(chosen))}


def read_number(question: Question, raw: str) -> dict[str, Any]:
    """The number that was typed; BadInput says what would be right, or asks which one was meant."""
    value = number_from(
        raw, what="Your answer", units=(question.unit,), minimum=-LARGEST, maximum=LARGEST
    )
    return {"value": value}


def read_rows(question: Question, placed: Mapping[str, str]) -> dict[str, Any]:
    """The choice for each row, by keys; Unanswerable if one has none, or two have the same."""
    texts = {choice.key: choice.plain for choice in question.choices}
    given = {row: choice for row, choice in placed.items() if choice}
    if not set(given) <= {row.key for row in question.rows} or not set(given.values()) <= set(
        texts
    ):
        raise Unanswerable(CHANGED)
    is_order = question.kind == "order"
    if left := len(question.rows) - len(given):
        what = "a place" if is_order else "an answer"
        has = "1 line has none" if left == 1 else f"{left} lines have none"
        raise Unanswerable(f"Choose {what} for each line: {has} yet.")
    chosen = list(given.values())
    if twice := next((choice for choice in chosen if chosen.count(choice) > 1), None):
        each = "Choose another place for each step" if is_order else "Use each answer once"
        raise Unanswerable(f"{each}: you chose “{texts[twice]}” twice or more.")
    return {"placed": given}


def read_typed(raw: str) -> dict[str, Any]:
    """What was typed, on one line; Unanswerable if it is nothing, too long or can't be shown."""
    typed = " ".join(raw.split())
    if not typed:
        raise Unanswerable("Type an answer.")
    if len(typed) > LONGEST:
        raise Unanswerable(f"Type at most {LONGEST} characters.")
    if not typed.isprintable():
        raise Unanswerable("Type letters, digits and signs: one character can't be shown.")
    return {"typed": typed}


def is_right(question: Question, answer: Mapping[str, Any]) -> bool:
    """True for all right options and no other, for all rows in their place, for a spelling that is
    accepted, and for a number within the tolerance.
    """
    if question.options:
        return set(answer["chosen"]) == {option.key for option in question.options if option.right}
    if question.rows:
        return all(answer["placed"].get(row.key) == row.belongs for row in question.rows)
    if question.accepts:
        return _spelling(answer["typed"]) in map(_spelling, question.accepts)
    return abs(float(answer["value"]) - question.answer) <= question.tolerance + 1e-9 * max(
        1.0, abs(question.answer)
    )


def _spelling(typed: str) -> str:
    """What is compared: case, runs of blanks, a final semicolon and curly quotes don't count."""
    text = " ".join(typed.translate(_STRAIGHT).split())
    return text.removesuffix(";").rstrip().casefold()


def in_order(question: Question, learner: str | None, attempts: int = 0) -> list[Option]:
    """The options in an order of this learner's own, the same each time; another one after each
    attempt, so that a place is no answer.
    """
    return _shuffled(question.options, question, learner, attempts)


def rows_in_order(question: Question, learner: str | None, attempts: int = 0) -> list[Row]:
    """The rows in an order of this learner's own, as the options are; it is never the right one."""
    rows = _shuffled(question.rows, question, learner, attempts)
    if rows == list(question.rows):
        rows = [*rows[1:], *rows[:1]]
    return rows


def choices_in_order(question: Question, learner: str | None, attempts: int = 0) -> list[Choice]:
    """What can be chosen: places from the first to the last, right sides in an order of their own,
    in which not each stands in the place of its row.
    """
    if question.kind != "match":
        return list(question.choices)
    choices = _shuffled(question.choices, question, learner, attempts)
    rows = rows_in_order(question, learner, attempts)
    if [choice.key for choice in choices] == [row.belongs for row in rows]:
        choices = [*choices[1:], *choices[:1]]
    return choices


def _shuffled(
    given: Sequence[_Each], question: Question, learner: str | None, attempts: int
) -> list[_Each]:
    shuffled = sorted(given, key=lambda each: each.key)
    again = f"/{attempts}" if attempts else ""
    random.Random(f"{learner or ''}/{question.id}{again}").shuffle(shuffled)
    return shuffled
