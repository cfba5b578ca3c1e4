"""A lesson's text, or one line of it, as blocks of markup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.footnote import footnote_plugin

from portal.content.dialect.blocks import block_of
from portal.content.dialect.rendering import (
    PLACEHOLDERS,
    highlight,
    placeholder_rule,
    render_container,
    render_lesson,
    render_measured,
    render_note_anchor,
    render_note_ref,
    render_quotient,
    render_span_close,
    render_span_open,
)
from portal.content.dialect.sanitising import clean
from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.terms import mark_terms
from portal.content.dialect.tokens import (
    BLOCKS,
    WRAPPERS,
    close_of,
    container,
    is_inside,
    line_of,
    mark_up,
    report_unknown_containers,
    take_section,
)
from portal.content.model import Block, Html, Section
from portal.content.numbers import keep_units

INSIDE: Final = {"exam": "truths", "today": "truths", "here": "places", "aws": "places"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A lesson's text as blocks, with its sections."""

    blocks: tuple[Block, ...]
    sections: tuple[Section, ...]


def render(text: str, around: Surroundings) -> Rendered:
    """The blocks of a lesson; what is wrong is reported by its line and left out."""
    report_unknown_containers(text, around)
    env: dict[str, Any] = {"around": around, "sections": []}
    md = _markdown()
    tokens = md.parse(text, env)
    mark_up(tokens)
    mark_terms(tokens, around.glossary)
    blocks: list[Block] = []
    waiting: list[Token] = []

    def flush() -> None:
        html = clean(str(md.renderer.render(waiting, md.options, env)))
        if html.strip():
            blocks.append(Html(html))
        waiting.clear()

    at = 0
    while at < len(tokens):
        token = tokens[at]
        name = container(token)
        if name in BLOCKS and token.nesting == 1:
            end = close_of(tokens, at)
            if token.level:
                around.report(
                    line_of(token), f"::: {name} stands inside another block; it stands alone"
                )
            else:
                flush()
                block = block_of(name, token, tokens[at + 1 : end], md, env)
                if block is not None:
                    blocks.append(block)
            at = end + 1
            continue
        if name in INSIDE and token.nesting == 1 and not is_inside(tokens, at, INSIDE[name]):
            around.report(line_of(token), f"::: {name} stands only inside :::: {INSIDE[name]}")
        if token.type == "heading_open":
            take_section(token, tokens[at + 1], env, around)
        waiting.append(token)
        at += 1
    flush()
    return Rendered(tuple(blocks), tuple(env["sections"]))


def render_inline(text: str, around: Surroundings) -> Markup:
    """One line of the dialect: emphasis, code, meanings, figures."""
    env: dict[str, Any] = {"around": around, "sections": []}
    return clean(str(_markdown().renderInline(text, env)))


def _markdown() -> MarkdownIt:
    md = MarkdownIt(
        "commonmark", {"html": False, "highlight": highlight, "typographer": True}
    ).enable(["table", "smartquotes"])
    for name in sorted(WRAPPERS | BLOCKS):
        container_plugin(md, name, render=render_container)
    footnote_plugin(md, inline=False)
    anchors_plugin(md, min_level=2, max_level=3, permalink=False)
    attrs_plugin(md, after=(), spans=True, allowed=("class",))
    for kind in PLACEHOLDERS:
        md.inline.ruler.before("escape", kind, placeholder_rule(kind))
    md.add_render_rule(
        "text", lambda self, tokens, at, options, env: keep_units(escapeHtml(tokens[at].content))
    )
    md.add_render_rule("measured", render_measured)
    md.add_render_rule("quotient", render_quotient)
    md.add_render_rule("lesson", render_lesson)
    md.add_render_rule("span_open", render_span_open)
    md.add_render_rule("span_close", render_span_close)
    md.add_render_rule("footnote_ref", render_note_ref)
    md.add_render_rule(
        "footnote_block_open", lambda self, tokens, at, options, env: '<ol class="footnotes">\n'
    )
    md.add_render_rule("footnote_block_close", lambda self, tokens, at, options, env: "</ol>\n")
    md.add_render_rule(
        "footnote_open",
        lambda self, tokens, at, options, env: f'<li id="note-{tokens[at].meta["id"] + 1}">',
    )
    md.add_render_rule("footnote_anchor", render_note_anchor)
    return md
