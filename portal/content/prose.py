"""What is counted in a lesson's text: its sections, their words, what there is to do in them.

Reads the text as it is written, line by line; renders nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TASKS = frozenset({"lab", "predict", "check", "run"})
UNREAD = frozenset({"instructor", "curious"})
"""Containers that a learner does not see, or opens only from curiosity."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text with its number, from 1, and the containers that it stands in."""

    number: int
    text: str
    inside: tuple[str, ...]
    opening: str = ""
    """All that is written behind the colons, if the line opens a container."""
    is_code: bool = False
    is_note: bool = False


@dataclass(slots=True)
class Passage:
    """A section: from a heading, or the beginning, to the next heading."""

    title: str
    line: int
    running_words: int = 0
    """Words outside of blocks, tables, code and notes."""
    words: int = 0
    """Words that a learner reads: those in blocks, too."""
    tasks: list[str] = field(default_factory=list)


def lines(text: str) -> Iterator[Line]:
    """The lines of a lesson with where they stand. A line that only closes a container is left
    out.
    """
    fence, is_note = "", False
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if mark := re.match(r"\s*(`{3,}|~{3,})", line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
            yield Line(number, line, tuple(inside), is_code=True)
        elif fence:
            yield Line(number, line, tuple(inside), is_code=True)
        elif colons := re.match(r"(:{3,})\s*(.*)", line):
            if not colons[2]:
                del inside[-1:]
                continue
            inside.append(colons[2].split()[0])
            yield Line(number, line, tuple(inside), opening=colons[2])
        else:
            is_note = line.startswith("[^") or (is_note and line.startswith((" ", "\t")))
            yield Line(number, line, tuple(inside), is_note=is_note)


def passages(text: str) -> list[Passage]:
    """The sections of a lesson in order; the first is what stands before the first heading."""
    found = [Passage("", 1)]
    for line in lines(text):
        here = found[-1]
        if line.opening:
            if line.inside[-1] in TASKS:
                here.tasks.append(line.inside[-1])
        elif line.is_code or line.is_note or UNREAD & set(line.inside):
            continue
        elif line.text.startswith("## ") and not line.inside:
            found.append(Passage(line.text.removeprefix("## ").strip(), line.number))
        elif not line.text.startswith(("|", "alt:")):
            count = words(line.text)
            here.words += count
            here.running_words += 0 if line.inside else count
    return found


def words(text: str) -> int:
    """How many words a reader reads in this line of a lesson."""
    text = re.sub(r"\]\([^)]*\)|\[\^[^\]]*\]|\{\.[a-z]+\}", " ", text)
    text = re.sub(r"\{\{.*?\}\}", " figure ", text)
    return len(re.findall(r"\w[\w'’.,-]*", text))
