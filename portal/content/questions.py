"""Makes questions of what an author wrote in a quiz. Reports every problem, raises for none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from markupsafe import Markup, escape

from portal.content import schema
from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.text import render_inline
from portal.content.model import Choice, Option, Question, Row

PLACES = ("1st", "2nd", "3rd", "4th", "5th", "6th")
"""The places of an order, in words."""


def read_questions(
    spec: schema.QuizSpec, around: Callable[[str], Surroundings]
) -> tuple[Question, ...]:
    """The questions in the order of the file; `around` gives what the question of an id may refer
    to, and where its problems go.
    """
    questions: dict[str, Question] = {}
    for entry in spec.question:
        if entry.id in questions:
            around(entry.id).report("", "the id is there twice")
            continue
        questions[entry.id] = _question(entry, around(entry.id))
    return tuple(questions.values())


def _question(entry: schema.AnyQuestion, around: Surroundings) -> Question:
    def inline(text: str) -> Markup:
        return render_inline(text, around)

    if entry.lab and entry.lab not in around.labs:
        around.report("", f"there is no lab {entry.lab}")
    asked = Question(
        entry.id,
        entry.kind,
        inline(entry.text),
        tuple(entry.facts),
        entry.lab or "",
        see=entry.see or "",
        exam=entry.exam,
    )
    match entry:
        case schema.ChoiceSpec():
            rights = sum(option.right for option in entry.option)
            if rights != 1 and entry.kind == "one":
                around.report("", f"one choice has one right option, not {rights}")
            if rights == 0 and entry.kind == "several":
                around.report("", "no option is right")
            return replace(asked, options=_options(entry.id, entry.option, inline, around))
        case schema.TraceSpec():
            rights = sum(option.right for option in entry.option)
            if rights != 1:
                around.report("", f"a trace has one right option, not {rights}")
            if entry.server == "redis" and any("\n" in command for command in entry.commands):
                around.report("", "a command of Redis stands on one line")
            options = _options(entry.id, entry.option, inline, around, shown=escape)
            commands = tuple(entry.commands)
            return replace(asked, options=options, server=entry.server, commands=commands)
        case schema.OrderSpec():
            _all_differ("steps", entry.steps, around)
            places = PLACES[: len(entry.steps)]
            return replace(
                asked,
                rows=tuple(
                    Row(_key(entry.id, step), inline(step), str(place))
                    for place, step in enumerate(entry.steps, start=1)
                ),
                choices=tuple(
                    Choice(str(place), Markup(word)) for place, word in enumerate(places, start=1)
                ),
                why=inline(entry.why),
            )
        case schema.MatchSpec():
            _all_differ("left sides", [left for left, _ in entry.pairs], around)
            _all_differ("right sides", [right for _, right in entry.pairs], around)
            return replace(
                asked,
                rows=tuple(
                    Row(_key(entry.id, left), inline(left), _key(entry.id, "right", right))
                    for left, right in entry.pairs
                ),
                choices=tuple(
                    Choice(_key(entry.id, "right", right), inline(right))
                    for _, right in entry.pairs
                ),
                why=inline(entry.why),
            )
        case schema.FillSpec():
            _all_differ("spellings", entry.accepts, around)
            return replace(asked, accepts=tuple(entry.accepts), why=inline(entry.why))
        case schema.NumberSpec():
            return replace(
                asked,
                answer=entry.answer,
                tolerance=entry.tolerance,
                unit=entry.unit,
                why=inline(entry.why),
            )
        case schema.MeasureSpec():
            known = around.labs.get(entry.lab)
            if known and entry.prediction not in {p.name for p in known.predictions}:
                around.report("", f"the lab {entry.lab} has no prediction {entry.prediction}")
            return replace(asked, prediction=entry.prediction, why=inline(entry.why))


def _options(
    question: str,
    options: Sequence[schema.OptionSpec],
    inline: Callable[[str], Markup],
    around: Surroundings,
    *,
    shown: Callable[[str], Markup] | None = None,
) -> tuple[Option, ...]:
    """The options, their texts as `shown` makes them: a reply of a server stands as it is."""
    _all_differ("options", [option.text for option in options], around)
    return tuple(
        Option(
            _key(question, option.text),
            (shown or inline)(option.text),
            option.right,
            inline(option.why),
        )
        for option in options
    )


def _all_differ(what: str, texts: Sequence[str], around: Surroundings) -> None:
    if len({text.strip() for text in texts}) < len(texts):
        around.report("", f"two {what} are the same")


def _key(*words: str) -> str:
    """A name for a form's field or value that does not tell its place in the file."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]
