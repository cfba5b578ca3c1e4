"""How the dialect's own tokens are rendered: containers, meanings, figures, notes, code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from pygments import highlight as coloured_by_pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.tokens import container, line_of
from portal.content.numbers import show

OPENINGS: Final = {
    "truths": '<div class="callout">\n',
    "places": '<div class="callout">\n',
    "exam": '<div><span class="label">On the exam</span>\n',
    "here": '<div><span class="label">Here</span>\n',
    "aws": '<div><span class="label">On AWS</span>\n',
}
SENSES: Final = frozenset({"hit", "miss", "read", "write", "stale", "error", "here"})
MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)


def render_container(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """The opening or closing markup of a container that stays in the text."""
    token = tokens[at]
    name = container(token)
    if name in ("question", "remember"):
        return ""
    if token.nesting == -1:
        return "</div>\n"
    if name == "today":
        return f'<div><span class="label">Today{_since(token, env)}</span>\n'
    return OPENINGS.get(name, "<div>\n")


def _since(token: Token, env: dict[str, Any]) -> str:
    found = re.fullmatch(
        r"today(?:\s+since=\"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\")?", token.info.strip()
    )
    if not found or (found[2] and not 1 <= int(found[2]) <= 12):
        env["around"].report(line_of(token), 'write ::: today since="2026-11"')
        return ""
    if not found[1]:
        return ""
    words = [found[1]]
    if found[2]:
        words.insert(0, MONTHS[int(found[2]) - 1])
    if found[3]:
        words.insert(0, str(int(found[3])))
    return f" <small>since {' '.join(words)}</small>"


def render_span_open(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """A marked meaning: its class and its mark."""
    name = str(tokens[at].attrGet("class") or "")
    if name not in SENSES:
        env["around"].report("", f"[…]{{.{name}}} is none of {', '.join(sorted(SENSES))}")
        return "<span>"
    return f'<span class="sense {name}"><i class="mark {name}" aria-hidden="true"></i>'


def measured_rule(state: StateInline, silent: bool) -> bool:
    """Parse `{{ lab.name }}`: a measured figure."""
    found = re.compile(r"\{\{\s*([a-z0-9-]+)\.([a-z0-9_]+)\s*\}\}").match(
        state.src, state.pos, state.posMax
    )
    if not found:
        return False
    if not silent:
        token = state.push("measured", "a", 0)
        token.meta = {"lab": found[1], "name": found[2]}
    state.pos = found.end()
    return True


def render_measured(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    """A measured figure as a link to its lab; by `data-figure` a page finds it."""
    lab, name = tokens[at].meta["lab"], tokens[at].meta["name"]
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
