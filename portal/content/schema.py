"""The shapes of the TOML files that authors write. An unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Text = Annotated[str, Field(min_length=1)]
Fact = Annotated[str, Field(pattern=r"^[ABCD][0-9]{1,2}$")]
Command = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
"""One line, as it is typed."""
Typed = Annotated[str, Field(min_length=1, max_length=400, pattern=r"(?s)^\S(.*\S)?$")]
"""What is typed in a console: for Memcached the value may stand on a second line."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LessonSpec(_Strict):
    slug: Slug
    title: Text
    line: Text
    labs: list[Slug] = []
    facts: list[Fact] = []


class PartSpec(_Strict):
    title: Text
    lesson: list[LessonSpec]


class CourseSpec(_Strict):
    title: Text
    part: Annotated[list[PartSpec], Field(min_length=1)]


class OptionSpec(_Strict):
    text: Text
    right: bool
    why: Text


class _Question(_Strict):
    id: Slug
    text: Text
    facts: Annotated[list[Fact], Field(min_length=1)]
    lab: Slug | None = None
    see: Slug | None = None
    exam: Literal["", "SAA-C03", "DVA-C02", "SOA-C03"] = ""


class ChoiceSpec(_Question):
    kind: Literal["one", "several"]
    option: Annotated[list[OptionSpec], Field(min_length=2, max_length=8)]


class NumberSpec(_Question):
    kind: Literal["number"]
    answer: float
    tolerance: Annotated[float, Field(ge=0)]
    unit: str = ""
    why: Text


class MeasureSpec(_Question):
    kind: Literal["measure"]
    lab: Slug
    prediction: Slug
    why: Text


class OrderSpec(_Question):
    kind: Literal["order"]
    steps: Annotated[list[Text], Field(min_length=3, max_length=6)]
    why: Text


class MatchSpec(_Question):
    kind: Literal["match"]
    pairs: Annotated[list[tuple[Text, Text]], Field(min_length=3, max_length=6)]
    why: Text


class FillSpec(_Question):
    kind: Literal["fill"]
    accepts: Annotated[list[Command], Field(min_length=1, max_length=12)]
    why: Text


class TraceSpec(_Question):
    kind: Literal["trace"]
    server: Literal["redis", "memcached"]
    commands: Annotated[list[Typed], Field(min_length=1, max_length=8)]
    option: Annotated[list[OptionSpec], Field(min_length=2, max_length=8)]


AnyQuestion = ChoiceSpec | NumberSpec | MeasureSpec | OrderSpec | MatchSpec | FillSpec | TraceSpec
QuestionSpec = Annotated[AnyQuestion, Field(discriminator="kind")]


class QuizSpec(_Strict):
    question: Annotated[list[QuestionSpec], Field(min_length=1)]
