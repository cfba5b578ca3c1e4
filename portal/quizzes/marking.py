"""What was answered, and whether it is right. Pure: knows no request and no database."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from labs.lab import number_from
from portal.content.model import Option, Question

LARGEST = 1e12


class Unanswerable(Exception):
    """The form holds no answer to this question; the text says what would be one."""


def read_choice(question: Question, chosen: Sequence[str]) -> dict[str, Any]:
    """The options that were chosen; Unanswerable if the question can't be answered so."""
    keys = {option.key for option in question.options}
    if not chosen:
        raise Unanswerable(
            "Choose an answer." if question.kind == "one" else "Choose at least one answer."
        )
    if not set(chosen) <= keys:
        raise Unanswerable(
            "This question has changed since you opened the page. Read it again, then answer."
        )
    if question.kind == "one" and len(set(chosen)) > 1:
        raise Unanswerable("Choose one answer.")
    return {"chosen": sorted(set(chosen))}


def read_number(question: Question, raw: str) -> dict[str, Any]:
    """The number that was typed; BadInput says what would be right, or asks which one was meant."""
    value = number_from(
        raw, what="Your answer", units=(question.unit,), minimum=-LARGEST, maximum=LARGEST
    )
    return {"value": value}


def is_right(question: Question, answer: Mapping[str, Any]) -> bool:
    """True for all right options and no other, and for a number within the tolerance."""
    if question.kind in ("one", "several"):
        return set(answer["chosen"]) == {option.key for option in question.options if option.right}
    return abs(float(answer["value"]) - question.answer) <= question.tolerance + 1e-9 * max(
        1.0, abs(question.answer)
    )


def in_order(question: Question, learner: str | None, attempts: int = 0) -> list[Option]:
    """The options in an order of this learner's own, the same each time; another one after each
    attempt, so that a place is no answer.
    """
    options = sorted(question.options, key=lambda option: option.key)
    again = f"/{attempts}" if attempts else ""
    random.Random(f"{learner or ''}/{question.id}{again}").shuffle(options)
    return options
