"""The lessons' Markdown: CommonMark with tables and footnotes, a few containers, marked meanings,
measured figures.

What comes out is a list of blocks. Text is sanitised at the end, whatever came in; only the
lessons' own figures pass by, which `figures` has read. README.md beside this file describes the
dialect for authors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.footnote import footnote_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from portal.content.figures import BadFigure, read_figure
from portal.content.model import (
    Block,
    CheckQuestion,
    Figure,
    Html,
    Instructor,
    LabLink,
    Predict,
    RunSnippet,
    Section,
)
from portal.content.numbers import keep_units, show

SENSES: Final = frozenset({"hit", "miss", "read", "write", "stale", "error", "here"})
WRAPPERS: Final = frozenset(
    {"question", "truths", "exam", "today", "places", "here", "aws", "remember"}
)
BLOCKS: Final = frozenset({"figure", "lab", "predict", "check", "run", "instructor"})
INSIDE: Final = {"exam": "truths", "today": "truths", "here": "places", "aws": "places"}
RESERVED_ANCHORS: Final = frozenset({"main", "bench", "quiz", "top"})
MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)

Report = Callable[[str, str], None]


@dataclass
class Surroundings:
    """What a lesson may refer to: its figures, its questions, the labs' names, what was measured.

    `report(where, text)` takes problems.
    """

    report: Report
    figures: Path
    questions: frozenset[str] = frozenset()
    labs: Mapping[str, Any] = field(default_factory=dict)
    measured: Callable[[str, str], float | None] = lambda lab, name: None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A lesson's text as blocks, with its sections."""

    blocks: tuple[Block, ...]
    sections: tuple[Section, ...]


def render(text: str, around: Surroundings) -> Rendered:
    """The blocks of a lesson.

    Problems are reported by line; what is wrong is left out, the rest stands.
    """
    _report_unknown_containers(text, around)
    env: dict[str, Any] = {"around": around, "sections": []}
    md = _markdown(2)
    tokens = md.parse(text, env)
    _mark_up(tokens)
    blocks: list[Block] = []
    waiting: list[Token] = []

    def flush() -> None:
        html = _clean(str(md.renderer.render(waiting, md.options, env)))
        if html.strip():
            blocks.append(Html(html))
        waiting.clear()

    at = 0
    while at < len(tokens):
        token = tokens[at]
        name = _container(token)
        if name in BLOCKS and token.nesting == 1:
            end = _close_of(tokens, at)
            if token.level:
                around.report(
                    _line(token), f"::: {name} stands inside another block; it stands alone"
                )
            else:
                flush()
                block = _block(name, token, tokens[at + 1 : end], md, env)
                if block is not None:
                    blocks.append(block)
            at = end + 1
            continue
        if name in INSIDE and token.nesting == 1 and not _is_inside(tokens, at, INSIDE[name]):
            around.report(_line(token), f"::: {name} stands only inside :::: {INSIDE[name]}")
        if token.type == "heading_open":
            _take_section(token, tokens[at + 1], env, around)
        waiting.append(token)
        at += 1
    flush()
    return Rendered(tuple(blocks), tuple(env["sections"]))


def render_inline(text: str, around: Surroundings) -> Markup:
    """One line of the dialect: emphasis, code, meanings, figures."""
    env: dict[str, Any] = {"around": around, "sections": []}
    return _clean(str(_markdown(2).renderInline(text, env)))


def _markdown(level: int) -> MarkdownIt:
    md = MarkdownIt(
        "commonmark", {"html": False, "highlight": _highlight, "typographer": True}
    ).enable(["table", "smartquotes"])
    for name in sorted(WRAPPERS | BLOCKS):
        container_plugin(md, name, render=_render_container)
    footnote_plugin(md, inline=False)
    anchors_plugin(md, min_level=level, max_level=3, permalink=False)
    attrs_plugin(md, after=(), spans=True, allowed=("class",))
    md.inline.ruler.before("escape", "measured", _measured_rule)
    md.add_render_rule(
        "text", lambda self, tokens, at, options, env: keep_units(escapeHtml(tokens[at].content))
    )
    md.add_render_rule("measured", _render_measured)
    md.add_render_rule("span_open", _render_span_open)
    md.add_render_rule("footnote_ref", _render_note_ref)
    md.add_render_rule(
        "footnote_block_open", lambda self, tokens, at, options, env: '<ol class="footnotes">\n'
    )
    md.add_render_rule("footnote_block_close", lambda self, tokens, at, options, env: "</ol>\n")
    md.add_render_rule(
        "footnote_open",
        lambda self, tokens, at, options, env: f'<li id="note-{tokens[at].meta["id"] + 1}">',
    )
    md.add_render_rule("footnote_anchor", _render_note_anchor)
    return md


# Blocks


def _block(
    name: str, opening: Token, inner: Sequence[Token], md: MarkdownIt, env: dict[str, Any]
) -> Block | None:
    around: Surroundings = env["around"]
    words = opening.info.split()[1:]
    line = _line(opening)

    def html(tokens: Sequence[Token]) -> Markup:
        return _clean(str(md.renderer.render(list(tokens), md.options, env)))

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
        for problem in around.labs[words[0]].complaints(settings):
            _wrong(around, line, problem)
    return LabLink(words[0], gear, settings, body)


def _run(words: list[str], inner: Sequence[Token], line: str, around: Surroundings) -> Block | None:
    fences = [token for token in inner if token.type == "fence"]
    if len(words) != 2 or len(fences) != 1 or len(inner) != 1:
        return _wrong(around, line, "write ::: run <lab> <server> with one fenced command in it")
    command = fences[0].content.strip()
    if "\n" in command or not command:
        return _wrong(around, line, "a snippet is one command on one line")
    if _knows_lab(words[0], line, around) and words[1] not in around.labs[words[0]].servers:
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


# Tokens


def _container(token: Token) -> str:
    return (
        token.type.removeprefix("container_").removesuffix("_open").removesuffix("_close")
        if token.type.startswith("container_")
        else ""
    )


def _close_of(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for end in range(at, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    return len(tokens) - 1


def _is_inside(tokens: Sequence[Token], at: int, name: str) -> bool:
    open_ones: list[str] = []
    for token in tokens[:at]:
        if _container(token):
            if token.nesting == 1:
                open_ones.append(_container(token))
            else:
                open_ones.pop()
    return bool(open_ones) and open_ones[-1] == name


def _mark_up(tokens: Sequence[Token]) -> None:
    """Give the paragraphs of a question and the list of what to remember their class; their
    container is gone then.
    """
    open_ones: list[str] = []
    for token in tokens:
        if name := _container(token):
            if token.nesting == 1:
                open_ones.append(name)
            else:
                open_ones.pop()
        elif open_ones and open_ones[-1] == "question" and token.type == "paragraph_open":
            token.attrJoin("class", "question")
        elif (
            open_ones
            and open_ones[-1] == "remember"
            and token.type in ("ordered_list_open", "bullet_list_open")
        ):
            token.attrJoin("class", "remember")


def _take_section(opening: Token, inline: Token, env: dict[str, Any], around: Surroundings) -> None:
    if opening.tag == "h1":
        around.report(_line(opening), "the title stands in course.toml; begin with ##")
    if opening.tag != "h2":
        return
    anchor = str(opening.attrGet("id") or "")
    if not anchor or anchor in RESERVED_ANCHORS or anchor.startswith(("note-", "ref-", "q-")):
        around.report(_line(opening), f"the heading's anchor {anchor!r} is taken by the page")
    title = "".join(child.content for child in inline.children or [])
    env["sections"].append(Section(anchor, title))


def _line(token: Token) -> str:
    return f"line {token.map[0] + 1}" if token.map else ""


def _report_unknown_containers(text: str, around: Surroundings) -> None:
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(`{3,}|~{3,})", line):
            fence = "" if fence and found[1].startswith(fence) else fence or found[1]
        elif not fence and (opening := re.match(r":{3,}\s*([^\s:].*)?$", line)) and opening[1]:
            name = opening[1].split()[0]
            if name not in WRAPPERS | BLOCKS:
                around.report(f"line {number}", f"there is no block ::: {name}")


# Rendering


def _render_container(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    token = tokens[at]
    name = _container(token)
    if name in ("question", "remember"):
        return ""
    if token.nesting == -1:
        return "</div>\n"
    match name:
        case "truths" | "places":
            return '<div class="callout">\n'
        case "exam":
            return '<div><span class="label">On the exam</span>\n'
        case "today":
            return f'<div><span class="label">Today{_since(token, env)}</span>\n'
        case "here":
            return '<div><span class="label">Here</span>\n'
        case _:
            return '<div><span class="label">On AWS</span>\n'


def _since(token: Token, env: dict[str, Any]) -> str:
    found = re.fullmatch(
        r"today(?:\s+since=\"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\")?", token.info.strip()
    )
    if not found or (found[2] and not 1 <= int(found[2]) <= 12):
        env["around"].report(_line(token), 'write ::: today since="2026-11"')
        return ""
    if not found[1]:
        return ""
    words = [found[1]]
    if found[2]:
        words.insert(0, MONTHS[int(found[2]) - 1])
    if found[3]:
        words.insert(0, str(int(found[3])))
    return f" <small>since {' '.join(words)}</small>"


def _render_span_open(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    name = str(tokens[at].attrGet("class") or "")
    if name not in SENSES:
        env["around"].report("", f"[…]{{.{name}}} is none of {', '.join(sorted(SENSES))}")
        return "<span>"
    return f'<span class="sense {name}"><i class="mark {name}" aria-hidden="true"></i>'


def _measured_rule(state: StateInline, silent: bool) -> bool:
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


def _render_measured(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    lab, name = tokens[at].meta["lab"], tokens[at].meta["name"]
    around: Surroundings = env["around"]
    value = around.measured(lab, name)
    if value is None:
        around.report("", f"{{{{{lab}.{name}}}}} is not in measured.toml")
    shown = "not measured yet" if value is None else show(name, value)
    return f'<a class="measured" href="/labs/{lab}">{escapeHtml(shown)}</a>'


def _render_note_ref(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    number, again = tokens[at].meta["id"] + 1, tokens[at].meta.get("subId", 0)
    own = f"ref-{number}" + (f"-{again}" if again else "")
    return (
        f'<a class="note-ref" id="{own}" href="#note-{number}" aria-label="Note '
        f'{number}">{number}</a>'
    )


def _render_note_anchor(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]
) -> str:
    number, again = tokens[at].meta["id"] + 1, tokens[at].meta.get("subId", 0)
    own = f"ref-{number}" + (f"-{again}" if again else "")
    return f' <a class="note-back" href="#{own}" aria-label="Back to the text">\u21a9\ufe0e</a>'


def _highlight(code: str, language: str, _: str) -> str:
    """Coloured code as spans with classes; the empty answer means: leave it plain."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    coloured = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="code highlight" tabindex="0"><code>{coloured}</code></pre>'


# Sanitising

_TAGS = set(
    "p h2 h3 h4 ul ol li strong em code pre blockquote br hr a span i small div table thead "
    "tbody tr th td sup".split()
)
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"class", "href", "id", "aria-label"},
    "h2": {"id"},
    "h3": {"id"},
    "li": {"id"},
    "i": {"class", "aria-hidden"},
    "pre": {"class", "tabindex"},
    "ol": {"class", "start"},
    "th": {"class", "align"},
    "td": {"class", "align"},
}


def _keep(tag: str, name: str, value: str) -> str | None:
    if name == "id" and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
        return None
    return value


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    attribute_filter=_keep,
    url_schemes={"https"},
    link_rel=None,
    strip_comments=True,
)


def _clean(html: str) -> Markup:
    return Markup(_cleaner.clean(html))
