"""The shapes of the TOML files that authors write. An unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Text = Annotated[str, Field(min_length=1)]
Fact = Annotated[str, Field(pattern=r"^[ABCD][0-9]{1,2}$")]


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


QuestionSpec = Annotated[ChoiceSpec | NumberSpec | MeasureSpec, Field(discriminator="kind")]


class QuizSpec(_Strict):
    question: Annotated[list[QuestionSpec], Field(min_length=1)]
