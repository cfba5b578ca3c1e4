"""A question as one learner sees it, and what the learner's answers in a lesson come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labs.client import catalogue
from labs.lab import Prediction
from portal.content.model import Choice, Kind, Lesson, Option, Question, Row, Section
from portal.models import Answer
from portal.quizzes.marking import choices_in_order, in_order, rows_in_order
from portal.web.arguments import new_key
from portal.web.history import Answered, history
from portal.web.learner import current_learner

State = Literal["right", "wrong", "open"]
IN_WORDS: Mapping[Kind, str] = {
    "one": "One answer",
    "several": "One answer or more",
    "number": "A number",
    "measure": "Predict, then measure",
    "order": "Put the steps in order",
    "match": "Find the pairs",
    "fill": "Type the answer",
    "trace": "Follow the commands",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the choice that was made for it, and the right one."""

    row: Row
    chosen: Choice
    right: Choice

    @property
    def is_right(self) -> bool:
        """True if it was put where it belongs."""
        return self.chosen == self.right


@dataclass
class Card:
    """A question with what was typed, what was answered and what is wrong with it."""

    lesson: Lesson
    question: Question
    options: list[Option] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    answer: Answer | Answered | None = None
    asked: Prediction | None = None
    again: bool = False
    problem: str = ""
    hint: str = ""
    bench: bool = False
    typed: dict[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=new_key)

    @property
    def open(self) -> bool:
        """True while the form is shown; else the reasons and the right answer are."""
        return self.answer is None or self.again

    @property
    def state(self) -> State:
        """How the learner has answered it, also while it is asked again."""
        return "open" if self.answer is None else "right" if self.answer.right else "wrong"

    @property
    def number(self) -> int:
        """Its place in the quiz, from 1."""
        return self.lesson.questions.index(self.question) + 1

    @property
    def chosen(self) -> list[Option]:
        """The options that were chosen, in the order of the card."""
        given = self.answer.answer.get("chosen", []) if self.answer else []
        return [option for option in self.options if option.key in given]

    @property
    def placed(self) -> list[Placed]:
        """The rows with what was chosen for them, once answered: steps in the right order, pairs as
        on the card.
        """
        if self.answer is None:
            return []
        given = self.answer.answer["placed"]
        choices = {choice.key: choice for choice in self.question.choices}
        rows = self.question.rows if self.question.kind == "order" else self.rows
        return [Placed(row, choices[given[row.key]], choices[row.belongs]) for row in rows]

    @property
    def label(self) -> str:
        """What kind of question it is, in words."""
        kind, exam = IN_WORDS[self.question.kind], self.question.exam
        return f"{kind} · In the style of {exam}" if exam else kind

    @property
    def shown_in(self) -> Section | None:
        """The section of the lesson that shows the answer."""
        return self.lesson.shown_in(self.question)

    @property
    def verdict(self) -> str:
        """Whether the answer is right, in a word or two."""
        if self.state == "right":
            return "Right"
        match self.question.kind:
            case "several":
                rights = {option.key for option in self.options if option.right}
                chosen = {option.key for option in self.chosen}
                return "Not all of them" if chosen < rights else "Not these"
            case "order":
                return "Not this order"
            case "match":
                right = sum(placed.is_right for placed in self.placed)
                return f"{right} of {len(self.rows)} right" if right else "Not these pairs"
            case "fill":
                return "Not this answer"
            case "trace":
                return "Not this reply"
        choice = self.question.options or (self.asked and self.asked.options)
        return "Not this one" if choice else "Not this number"


@dataclass(frozen=True, slots=True)
class Score:
    """What the answers of a lesson's quiz come to, card by card."""

    cards: tuple[Card, ...]

    @property
    def right(self) -> int:
        """How many questions were answered rightly."""
        return sum(card.state == "right" for card in self.cards)

    @property
    def answered(self) -> int:
        """How many questions were answered."""
        return sum(card.state != "open" for card in self.cards)

    @property
    def is_over(self) -> bool:
        """True when every question was answered."""
        return self.answered == len(self.cards)

    @property
    def missed(self) -> list[Card]:
        """The questions that were answered, and not rightly."""
        return [card for card in self.cards if card.state == "wrong"]

    @property
    def next(self) -> Card | None:
        """The first question that is not answered yet."""
        return self.after(None)

    def after(self, question: Question | None) -> Card | None:
        """The question that waits for an answer after this one, or from the beginning."""
        start = next((n + 1 for n, card in enumerate(self.cards) if card.question is question), 0)
        in_turn = (*self.cards[start:], *self.cards[:start])
        return next((card for card in in_turn if card.state == "open"), None)


def card_of(lesson: Lesson, question: Question, *, again: bool = False) -> Card:
    """The card of a question with the answer that counts, or its form `again`."""
    lab = catalogue().get(question.lab)
    known = history().answer(lesson.slug, question.id, question.content_hash)
    attempts = known.attempt_no if known else 0
    order = question, current_learner(), attempts if again else max(0, attempts - 1)
    return Card(
        lesson,
        question,
        in_order(*order),
        rows_in_order(*order),
        choices_in_order(*order),
        answer=known,
        asked=next(
            (each for each in (lab.predictions if lab else ()) if each.name == question.prediction),
            None,
        ),
        again=again,
    )


def cards_of(lesson: Lesson, again: Iterable[str] = ()) -> tuple[Card, ...]:
    """The cards of all questions of a lesson; the questions `again` are asked once more, and
    "missed" stands for those that were not answered rightly.
    """
    wanted, cards = set(again), []
    for question in lesson.questions:
        card = card_of(lesson, question)
        if question.id in wanted or ("missed" in wanted and card.state == "wrong"):
            card = card_of(lesson, question, again=True)
        cards.append(card)
    return tuple(cards)
