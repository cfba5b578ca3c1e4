"""The containers that become blocks of their own: figure, lab, predict, check, run, instructor."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from labs.errors import BadInput
from portal.content.dialect.sanitising import clean
from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.tokens import line_of
from portal.content.figures import BadFigure, read_figure
from portal.content.model import (
    Block,
    CheckQuestion,
    Figure,
    Instructor,
    LabLink,
    Predict,
    RunSnippet,
)


def block_of(
    name: str, opening: Token, inner: Sequence[Token], md: MarkdownIt, env: dict[str, Any]
) -> Block | None:
    """The block that a container makes; None, and a report, where something is wrong with it."""
    around: Surroundings = env["around"]
    words = opening.info.split()[1:]
    line = line_of(opening)

    def html(tokens: Sequence[Token]) -> Markup:
        return clean(str(md.renderer.render(list(tokens), md.options, env)))

    match name:
        case "figure":
            return _figure(words, list(inner), html, line, around)
        case "lab":
            return _lab(words, html(inner), line, around)
        case "predict":
            if len(words) != 2:
                return _wrong(around, line, "write ::: predict <lab> <prediction>")
            if _knows_lab(words[0], line, around) and words[1] not in {
                p.name for p in around.labs[words[0]].predictions
            }:
                return _wrong(around, line, f"the lab {words[0]} has no prediction {words[1]}")
            return Predict(words[0], words[1])
        case "check":
            if len(words) != 1:
                return _wrong(around, line, "write ::: check <question>")
            if words[0] not in around.questions:
                return _wrong(around, line, f"quiz.toml has no question {words[0]}")
            return CheckQuestion(words[0])
        case "run":
            return _run(words, inner, line, around)
        case _:
            return Instructor(html(inner))


def _figure(
    words: list[str],
    inner: list[Token],
    html: Callable[[Sequence[Token]], Markup],
    line: str,
    around: Surroundings,
) -> Block | None:
    if len(words) != 1 or not re.fullmatch(r"[a-z0-9-]+\.svg", words[0]):
        return _wrong(around, line, "write ::: figure <name>.svg")
    alt = ""
    for at, token in enumerate(inner):
        if token.type == "inline" and token.content.startswith("alt:"):
            first, _, rest = token.content.partition("\n")
            alt = first.removeprefix("alt:").strip()
            if rest.strip():
                _wrong(around, line, "leave an empty line between alt: and the caption")
            del inner[at - 1 : at + 2]
            break
    if not alt:
        _wrong(around, line, f"the figure {words[0]} has no line alt: …")
    try:
        svg = read_figure(around.figures / words[0], alt)
    except BadFigure as exc:
        return _wrong(around, line, f"figures/{words[0]} {exc}")
    return Figure(words[0], svg, alt, html(inner))


def _lab(words: list[str], body: Markup, line: str, around: Surroundings) -> Block | None:
    if not words or not all("=" in word for word in words[1:]):
        return _wrong(around, line, "write ::: lab <lab> [name=value …]")
    settings = dict(word.split("=", 1) for word in words[1:])
    gear = settings.pop("gear", "")
    if gear not in ("", "step", "load", "break"):
        return _wrong(around, line, f"gear={gear} is none of step, load, break")
    if _knows_lab(words[0], line, around):
        try:
            around.labs[words[0]].settings(settings)
        except BadInput as exc:
            _wrong(around, line, f"{exc} {exc.hint}".strip())
    return LabLink(words[0], gear, settings, body)


def _run(words: list[str], inner: Sequence[Token], line: str, around: Surroundings) -> Block | None:
    fences = [token for token in inner if token.type == "fence"]
    if len(words) != 2 or len(fences) != 1 or len(inner) != 1:
        return _wrong(around, line, "write ::: run <lab> <server> with one fenced command in it")
    command = fences[0].content.strip()
    if "\n" in command or not command:
        return _wrong(around, line, "a snippet is one command on one line")
    if _knows_lab(words[0], line, around) and words[1] not in {
        node.name for node in around.labs[words[0]].topology.servers
    }:
        return _wrong(around, line, f"the lab {words[0]} has no server {words[1]}")
    return RunSnippet(words[0], words[1], command)


def _knows_lab(lab: str, line: str, around: Surroundings) -> bool:
    if lab in around.labs:
        return True
    _wrong(around, line, f"there is no lab {lab}")
    return False


def _wrong(around: Surroundings, line: str, text: str) -> Block | None:
    """Report it, and be the block that is left out."""
    around.report(line, text)
    return None
