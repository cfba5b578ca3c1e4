"""Marks the first use of each term of the glossary in the running text of a lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markdown_it.token import Token

from portal.content.dialect.tokens import container
from portal.content.glossary import Entry, Glossary

UNMARKED: Final = frozenset({"heading", "table", "footnote_block"})
UNMARKED_CONTAINERS: Final = frozenset({"figure", "instructor"})
FOLDED: Final = "curious"


def mark_terms(tokens: Sequence[Token], glossary: Glossary) -> None:
    """Make the first use of each term a link to the glossary that carries the definition.

    Not in headings, tables, notes, links, code, figures and marked meanings. A term counts as shown
    where the text explains it itself. A folded passage that a reader may skip has first uses of its
    own.
    """
    shown: set[str] = set()
    unmarked = 0
    in_fold: set[str] | None = None
    for token in tokens:
        if _is_unmarked(token):
            unmarked += token.nesting
        elif container(token) == FOLDED:
            in_fold = set(shown) if token.nesting == 1 else None
        elif token.type == "inline" and token.children and not unmarked:
            token.children = _marked(
                token.children, glossary, shown if in_fold is None else in_fold
            )


def attributes(entry: Entry) -> dict[str, str]:
    """What a link to this entry of the glossary has."""
    return {"class": "term", "href": f"/glossary#{entry.anchor}", "data-means": entry.means}


def _is_unmarked(token: Token) -> bool:
    kind = token.type.removesuffix("_open").removesuffix("_close")
    return bool(token.nesting) and (kind in UNMARKED or container(token) in UNMARKED_CONTAINERS)


def _marked(children: Sequence[Token], glossary: Glossary, shown: set[str]) -> list[Token]:
    """The pieces of a paragraph, with the first uses as links."""
    done: list[Token] = []
    inside = 0
    explained = False
    for child in children:
        if child.type in ("link_open", "span_open"):
            inside += 1
            explained = child.attrGet("class") == "term"
        elif child.type in ("link_close", "span_close"):
            inside -= 1
            explained = False
        elif explained and (entry := glossary.entry(child.content)):
            shown.add(entry.term)
        if child.type == "text" and not inside:
            done += _linked(child, glossary, shown)
        else:
            done.append(child)
    return done


def _linked(text: Token, glossary: Glossary, shown: set[str]) -> list[Token]:
    """A piece of text, cut at the terms that were not shown before."""
    done: list[Token] = []
    past = 0
    for start, end, entry in glossary.find(text.content):
        if entry.term in shown:
            continue
        shown.add(entry.term)
        done += [
            _text(text.content[past:start]),
            Token("link_open", "a", 1, attrs=dict(attributes(entry))),
            _text(text.content[start:end]),
            Token("link_close", "a", -1),
        ]
        past = end
    return [*done, _text(text.content[past:])] if done else [text]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
