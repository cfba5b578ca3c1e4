"""What is read off the tokens of a lesson's text: containers, sections, lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from markdown_it.token import Token

from portal.content.dialect.surroundings import Surroundings
from portal.content.model import Section

WRAPPERS: Final = frozenset(
    {"question", "truths", "exam", "today", "places", "here", "aws", "remember", "curious"}
)
BLOCKS: Final = frozenset({"figure", "lab", "predict", "check", "run", "instructor"})
RESERVED_ANCHORS: Final = frozenset({"main", "bench", "quiz", "top"})


def container(token: Token) -> str:
    """The name of the container that this token opens or closes; empty for other tokens."""
    return (
        token.type.removeprefix("container_").removesuffix("_open").removesuffix("_close")
        if token.type.startswith("container_")
        else ""
    )


def attributes(token: Token) -> dict[str, str]:
    """What is written behind a container's name as `name="value"`."""
    return dict(re.findall(r'([a-z]+)="([^"]*)"', token.info))


def close_of(tokens: Sequence[Token], at: int) -> int:
    """The place of the token that closes the one at `at`."""
    depth = 0
    for end in range(at, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    return len(tokens) - 1


def is_inside(tokens: Sequence[Token], at: int, name: str) -> bool:
    """True if the innermost container open at `at` has this name."""
    open_ones: list[str] = []
    for token in tokens[:at]:
        if container(token):
            if token.nesting == 1:
                open_ones.append(container(token))
            else:
                open_ones.pop()
    return bool(open_ones) and open_ones[-1] == name


def mark_up(tokens: Sequence[Token]) -> None:
    """Give the paragraphs of a question and the list of what to remember their class."""
    open_ones: list[str] = []
    for token in tokens:
        if name := container(token):
            if token.nesting == 1:
                open_ones.append(name)
            else:
                open_ones.pop()
        elif open_ones and open_ones[-1] == "question" and token.type == "paragraph_open":
            token.attrJoin("class", "question")
        elif open_ones and open_ones[-1] == "remember" and token.type.endswith("list_open"):
            token.attrJoin("class", "remember")


def take_section(opening: Token, inline: Token, env: dict[str, Any], around: Surroundings) -> None:
    """Keep a heading as a section, and report one that may not stand here."""
    if opening.tag == "h1":
        around.report(line_of(opening), "the title stands in course.toml; begin with ##")
    if opening.tag != "h2":
        return
    anchor = str(opening.attrGet("id") or "")
    if not anchor or anchor in RESERVED_ANCHORS or anchor.startswith(("note-", "ref-", "q-")):
        around.report(line_of(opening), f"the heading's anchor {anchor!r} is taken by the page")
    title = "".join(child.content for child in inline.children or [])
    env["sections"].append(Section(anchor, title))


def line_of(token: Token) -> str:
    """The line of a token, as a report names it."""
    return f"line {token.map[0] + 1}" if token.map else ""


def report_unknown_containers(text: str, around: Surroundings) -> None:
    """Report containers that the dialect does not have: the parser takes them for text."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(`{3,}|~{3,})", line):
            fence = "" if fence and found[1].startswith(fence) else fence or found[1]
        elif not fence and (opening := re.match(r":{3,}\s*([^\s:].*)?$", line)) and opening[1]:
            name = opening[1].split()[0]
            if name not in WRAPPERS | BLOCKS:
                around.report(f"line {number}", f"there is no block ::: {name}")
