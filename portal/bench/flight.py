"""What a flight of the flight recorder is, checked: a sandbox is hostile, and a shared flight is
shown to people who never saw it.

What isn't known here is left out of what is kept; BadInput says in one sentence what is wrong. A
browser checks a file by the same rules, which it gets as a JSON schema (`RULES`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labs.errors import BadInput

LARGEST = 1024 * 1024
OPERATIONS = 20_000
LONGEST_MS = 600_000.0
DAY_MS = 86_400_000.0


PRINTABLE = r"^[^\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]*$"
Word = Annotated[str, Field(max_length=80, pattern=PRINTABLE)]
Words = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Moment = Annotated[Number, Field(ge=-LONGEST_MS, le=LONGEST_MS)]
Earlier = Annotated[Number, Field(ge=-DAY_MS, le=LONGEST_MS)]
"""What an endpoint or a server has been since long before the fault."""
Duration = Annotated[Number, Field(ge=0, le=LONGEST_MS)]
Count = Annotated[int, Field(ge=0, le=2**53, strict=True)]
Write = tuple[Moment, Duration, Literal["a", "l", "w", "o", "n", "e", "r", "t", "f"], Count]
Read = tuple[Moment, Duration, Literal["h", "a", "l", "w", "o", "n", "e", "r", "t", "f"], Count]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Fault(_Part):
    """What was done to which server."""

    verb: Word
    server: Word = ""
    zone: Word = ""
    words: Words = ""


class Results(_Part):
    """What the flight came to."""

    downtime_ms: Duration | None = None
    gap_from_ms: Moment | None = None
    gap_to_ms: Moment | None = None
    written: Count
    acknowledged: Count
    lost: Count
    recounted: bool = True
    refused: Count
    promoted: Word = ""
    tilt_ms: Duration = 0.0
    stalled_ms: Duration = 0.0


class Head(_Part):
    """A flight without what flew: all that a page says of it before the drawing."""

    kind: Literal["flight"]
    version: Literal[1]
    name: Slug
    title: Annotated[Words, Field(min_length=1)]
    lab: Slug
    at: Annotated[Number, Field(ge=0, le=4e9)]
    versions: Annotated[dict[Word, Word], Field(max_length=12)] = {}
    isolation: Word = ""
    settings: Annotated[list[tuple[Word, Words]], Field(max_length=40)] = []
    fault: Fault
    results: Results


class Flight(Head):
    """A whole flight."""

    marks: Annotated[list[tuple[Moment, Words]], Field(max_length=50)] = []
    from_ms: Moment
    to_ms: Moment
    writes: Annotated[list[Write], Field(max_length=OPERATIONS)]
    reads: Annotated[list[Read], Field(max_length=OPERATIONS)] = []
    sentinels: Annotated[list[tuple[Moment, Word, Word, Words]], Field(max_length=1_000)] = []
    moves: Annotated[
        list[tuple[Earlier, Word, Annotated[list[Word], Field(max_length=12)]]],
        Field(max_length=200),
    ] = []
    roles: Annotated[list[tuple[Earlier, Word, Word]], Field(max_length=200)] = []

    @model_validator(mode="after")
    def _has_length(self) -> Flight:
        if self.from_ms >= self.to_ms:
            raise ValueError("it ends before it begins")
        return self

    def head(self) -> Head:
        """What a page says of it next to the drawing."""
        return Head.model_validate(self.model_dump(include=set(Head.model_fields)))


RULES = {"largest": LARGEST, "schema": Flight.model_json_schema()}
"""What static/js/views/recorder/check.js checks a file by."""


def read_flight(document: object) -> Flight:
    """The document as a flight; BadInput says in words what is wrong with it first."""
    try:
        return Flight.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:20] for part in first["loc"][:3]) or "the document"
        raise BadInput(
            "This record is not one that can be shared.",
            hint=f"Wrong in it: {where[:60]}, {first['msg'][:120]}.",
        ) from exc
