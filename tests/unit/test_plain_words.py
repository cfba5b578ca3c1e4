"""Comments and docstrings name the actor: words that hide it don't return."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

from portal.content.plain_words import banned

ROOT = Path(__file__).resolve().parents[2]
HIDES_THE_ACTOR = re.compile(r"\b(anew|whoever|so\s+many|nobody)\b", re.IGNORECASE)
OF_NO_MACHINE = re.compile(
    r"\b(told|tells|hears?|heard|knows?|knew|anew|nobody|somebody|whoever|so many|beside)\b",
    re.IGNORECASE,
)
BENCHES = (
    "labs/sandbox",
    "labs/setups",
    "labs/catalogue",
    "labs/agent",
    "portal/bench",
    "portal/quizzes",
    "portal/learn",
)
QUOTED = re.compile(r"`[^`]*`|“[^”]*”")
# A learner reads these comments on the page, as a part of the strategy.
SHOWN_TO_LEARNERS = (ROOT / "labs/caching",)


def docstrings(text):
    """(line, text) of each string that stands alone: docstrings, also of constants."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def comments(text):
    """(line, text) of each comment; lines that follow each other are one."""
    block, first, last = [], 0, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 and block:
            yield first, "\n".join(block)
            block = []
        first = first if block else token.start[0]
        block.append(token.string.lstrip("# "))
        last = token.start[0]
    if block:
        yield first, "\n".join(block)


def hidden_actors(text, *, with_comments=True):
    return [
        (line, found[0])
        for line, prose in [*docstrings(text), *(comments(text) if with_comments else ())]
        for found in HIDES_THE_ACTOR.finditer(QUOTED.sub("", prose))
    ]


def sentences(text):
    """(line, text) of each string of several words that is no docstring."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and id(node) not in docstrings
            and isinstance(node.value, str)
            and node.value.count(" ") > 1
        ):
            yield node.lineno, node.value


@pytest.mark.parametrize("folder", BENCHES)
def test_on_a_bench_no_machine_is_told_hears_or_knows(folder):
    files = sorted((ROOT / folder).rglob("*.py"))

    found = [
        f"{path.relative_to(ROOT)}:{line}: {sentence}"
        for path in files
        for line, sentence in sentences(path.read_text())
        if OF_NO_MACHINE.search(sentence) or list(banned(sentence))
    ]

    assert files
    assert found == []


@pytest.mark.parametrize("folder", ["labs", "portal", "scripts"])
def test_comments_and_docstrings_name_the_actor(folder):
    files = sorted((ROOT / folder).rglob("*.py"))

    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in files
        for line, word in hidden_actors(
            path.read_text(), with_comments=path.parent not in SHOWN_TO_LEARNERS
        )
    ]

    assert files
    assert found == []


def test_prose_is_searched_across_lines_and_texts_for_learners_are_not():
    text = '''"""Sends so
many."""
TEXT = "Nobody answers."  # built
# anew
USER = 1
"""Runs under `nobody`."""
'''

    assert hidden_actors(text) == [(1, "so\nmany"), (3, "anew")]
