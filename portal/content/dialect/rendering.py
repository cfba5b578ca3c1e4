"""How the dialect's own tokens are rendered: containers, meanings, figures, notes, code."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight as coloured_by_pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from portal.content.dates import in_words
from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.tokens import attributes, container, line_of
from portal.content.numbers import as_shown, digits, show

OPENINGS: Final = {
    "truths": '<div class="callout">\n',
    "places": '<div class="callout">\n',
    "exam": '<div><span class="label">On the exam</span>\n',
    "here": '<div><span class="label">Here</span>\n',
    "aws": '<div><span class="label">On AWS</span>\n',
}
SENSES: Final = frozenset({"hit", "miss", "read", "write", "stale", "error", "here"})


def render_container(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The opening or closing markup of a container that stays in the text."""
    token = tokens[at]
    name = container(token)
    if name in ("question", "remember"):
        return ""
    if token.nesting == -1:
        return "</details>\n" if name == "curious" else "</div>\n"
    match name:
        case "today":
            return f'<div><span class="label">Today{_dates(token, env)}</span>\n'
        case "curious":
            return _curious(token, env)
    return OPENINGS.get(name, "<div>\n")


def _dates(token: Token, env: dict[str, Any]) -> str:
    """Since when it has been so, and when this project looked: two dates that are not the same."""
    given = attributes(token)
    words = [
        f"{words} {day}"
        for name, words in (("since", "since"), ("checked", "checked"))
        if (day := in_words(given.get(name, "")))
    ]
    if len(words) != len(given):
        example = 'since="2024-10" (when it changed), checked="2026-11" (when we looked)'
        env["around"].report(line_of(token), f"write ::: today with {example}, or one of them")
    return f" <small>{', '.join(words)}</small>" if words else ""


def _curious(token: Token, env: dict[str, Any]) -> str:
    title = token.info.strip().removeprefix("curious").strip()
    if not title:
        env["around"].report(line_of(token), "write ::: curious and what the passage is about")
    label = '<span class="label">For the curious</span>'
    return f'<details class="curious"><summary>{label} {escapeHtml(title)}</summary>\n'


def render_span_open(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """A marked meaning: its class and its mark."""
    name = str(tokens[at].attrGet("class") or "")
    if name == "term":
        return "<dfn>"
    if name not in SENSES:
        env["around"].report("", f"[…]{{.{name}}} is none of {', '.join(sorted(SENSES))}")
        return "<span>"
    return f'<span class="sense {name}"><i class="mark {name}" aria-hidden="true"></i>'


def render_span_close(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The end of a marked meaning, or of the term that the text explains here."""
    depth = 0
    for token in reversed(tokens[: at + 1]):
        depth += token.nesting if token.type in ("span_open", "span_close") else 0
        if depth == 0:
            return "</dfn>" if token.attrGet("class") == "term" else "</span>"
    return "</span>"


FIGURE: Final = r"([a-z0-9-]+)\.([a-z0-9_]+)"
PLACEHOLDERS: Final = {
    "measured": FIGURE,
    "quotient": rf"{FIGURE}\s*/\s*{FIGURE}",
    "lesson": r"([Ll]esson)\s+([a-z0-9-]+)",
}
"""What may stand between double braces, by the kind of token that it becomes."""


def placeholder_rule(kind: str) -> Callable[[StateInline, bool], bool]:
    """Parses one kind of placeholder into a token with its parts in order."""
    pattern = re.compile(rf"\{{\{{\s*{PLACEHOLDERS[kind]}\s*\}}\}}")

    def parse(state: StateInline, silent: bool) -> bool:
        found = pattern.match(state.src, state.pos, state.posMax)
        if not found:
            return False
        if not silent:
            state.push(kind, "", 0).meta = {"parts": found.groups()}
        state.pos = found.end()
        return True

    return parse


def render_lesson(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The lesson's number as a link to it; one that is not written yet says so."""
    word, slug = tokens[at].meta["parts"]
    around: Surroundings = env["around"]
    number, is_written = around.lessons.get(slug, (0, False))
    if not number:
        around.report("", f"{{{{{word} {slug}}}}}: course.toml has no lesson {slug}")
        return escapeHtml(f"{word} {slug}")
    if not is_written:
        return f"{word} {number} (not written yet)"
    return f'<a href="/lessons/{slug}">{word} {number}</a>'


def render_quotient(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The quotient, of two significant digits: that is what dividing the shown figures gives."""
    around: Surroundings = env["around"]
    values = []
    over_lab, over, under_lab, under = tokens[at].meta["parts"]
    for lab, name in ((over_lab, over), (under_lab, under)):
        value = around.measured(lab, name)
        if value is None:
            around.report("", f"{{{{{lab}.{name}}}}} is not in measured.toml")
            return "not measured yet"
        values.append(as_shown(value))
    if values[1] == 0:
        around.report("", f"{{{{… / {under_lab}.{under}}}}} divides by zero")
        return "not measured yet"
    return digits(values[0] / values[1], significant=2)


def render_measured(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """A measured figure as a link to its lab; by `data-figure` a page finds it."""
    lab, name = tokens[at].meta["parts"]
    around: Surroundings = env["around"]
    value = around.measured(lab, name)
    if value is None:
        around.report("", f"{{{{{lab}.{name}}}}} is not in measured.toml")
    shown = "not measured yet" if value is None else show(name, value)
    name = f"{lab}.{name}"
    return f'<a class="measured" data-figure="{name}" href="/labs/{lab}">{escapeHtml(shown)}</a>'


def render_note_ref(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The number in the text that leads to a note."""
    number = tokens[at].meta["id"] + 1
    return (
        f'<a class="note-ref" id="{_ref_id(tokens[at])}" href="#note-{number}" aria-label="Note '
        f'{number}">{number}</a>'
    )


def render_note_anchor(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The arrow that leads from a note back to the text."""
    own = _ref_id(tokens[at])
    return f' <a class="note-back" href="#{own}" aria-label="Back to the text">\u21a9\ufe0e</a>'


def _ref_id(token: Token) -> str:
    again = token.meta.get("subId", 0)
    return f"ref-{token.meta['id'] + 1}" + (f"-{again}" if again else "")


def highlight(code: str, language: str, _: str) -> str:
    """Coloured code as spans with classes; the empty answer means: leave it plain."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    coloured = coloured_by_pygments(code, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="code highlight" tabindex="0"><code>{coloured}</code></pre>'
