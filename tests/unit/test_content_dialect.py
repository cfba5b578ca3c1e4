"""The lessons' Markdown: what each construct becomes, what is reported, what never reaches
a page.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.text import render, render_inline
from portal.content.figures import BadFigure, read_figure
from portal.content.model import CheckQuestion, Figure, Html, Instructor, LabLink, RunSnippet
from portal.content.numbers import digits, show

NBSP = "\u00a0"


class Reports(list[tuple[str, str]]):
    """Problems as they are reported."""

    def __call__(self, where: str, text: str) -> None:
        self.append((where, text))


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def around(reports, tmp_path):
    figures = {"redis": {"hit_p50_ms": 0.1894, "reads_per_s": 1234.4, "zero": 0.0}}
    return Surroundings(
        report=reports,
        figures=tmp_path,
        questions=frozenset({"known"}),
        lessons={"written": (4, True), "coming": (9, False)},
        measured=lambda lab, name: figures.get(lab, {}).get(name),
    )


def html(text: str, around: Surroundings) -> str:
    return "".join(
        str(block.html) for block in render(text, around).blocks if isinstance(block, Html)
    )


def test_a_meaning_has_its_mark(around):
    assert (
        html("A [hit]{.hit}.", around) == '<p>A <span class="sense hit"><i class="mark hit" '
        'aria-hidden="true"></i>hit</span>.</p>\n'
    )


def test_an_unknown_meaning_is_reported(around, reports):
    assert "mark" not in html("A [hit]{.wonder}.", around)
    assert "wonder" in reports[0][1]


def test_a_measured_figure_links_to_its_lab(around):
    assert (
        html("It takes {{redis.hit_p50_ms}}.", around)
        == '<p>It takes <a class="measured" data-figure="redis.hit_p50_ms" href="/labs/redis">'
        "0.189&nbsp;ms</a>.</p>\n"
    )


def test_a_figure_that_is_missing_is_reported_and_says_so(around, reports):
    assert "not measured yet" in html("It takes {{redis.nothing_ms}}.", around)
    assert "redis.nothing_ms" in reports[0][1]


def test_a_quotient_is_that_of_the_figures_that_are_shown(around):
    # 1,234.4 is shown as 1,230 and 0.1894 as 0.189: 6,508, not 6,518.
    assert html("{{redis.reads_per_s / redis.hit_p50_ms}} times", around) == "<p>6,500 times</p>\n"


@pytest.mark.parametrize("under", ["redis.nothing_ms", "redis.zero"])
def test_a_quotient_without_an_answer_is_reported(around, reports, under):
    assert "not measured yet" in html(f"{{{{redis.hit_p50_ms / {under}}}}}", around)
    assert under in reports[0][1]


def test_a_lesson_is_named_by_its_number(around, reports):
    assert html("{{Lesson written}} and {{lesson coming}}.", around) == (
        '<p><a href="/lessons/written">Lesson 4</a> and lesson 9 (not written yet).</p>\n'
    )
    assert reports == []


def test_a_lesson_that_is_not_in_the_course_is_reported(around, reports):
    html("{{lesson lost}}", around)

    assert "course.toml has no lesson lost" in reports[0][1]


def test_a_term_is_marked_where_it_is_explained(around):
    assert html("A [shard]{.term} is a [hit]{.hit}.", around).startswith(
        '<p>A <dfn>shard</dfn> is a <span class="sense hit">'
    )


def test_a_passage_for_the_curious_is_folded(around, reports):
    found = html("::: curious How *it* works\nIt works.\n:::\n", around)

    assert found.startswith('<details class="curious"><summary><span class="label">For the curious')
    assert "How *it* works</summary>\n<p>It works.</p>\n</details>" in found
    assert reports == []


def test_a_passage_for_the_curious_has_a_title(around, reports):
    html("::: curious\nIt works.\n:::\n", around)

    assert "what the passage is about" in reports[0][1]


def test_a_measured_figure_in_code_is_code(around):
    assert "{{redis.hit_p50_ms}}" in html("`{{redis.hit_p50_ms}}`", around)


def test_truths_stand_side_by_side(around):
    text = ':::: truths\n::: exam\nOld.\n:::\n::: today since="2026-11"\nNew.\n:::\n::::\n'

    page = html(text, around)

    assert page.startswith('<div class="callout">')
    assert '<span class="label">On the exam</span>' in page
    assert '<span class="label">Today <small>since November 2026</small></span>' in page
    assert page.count("<div") == page.count("</div>") == 3


@pytest.mark.parametrize(
    ("since", "words"),
    [('since="2024"', "since 2024"), ('since="2026-06-02"', "since 2 June 2026")],
)
def test_a_date_is_as_exact_as_it_is_known(around, since, words):
    assert words in html(f":::: truths\n::: today {since}\nNew.\n:::\n::::\n", around)


@pytest.mark.parametrize(
    "text",
    [
        "::: today since=2026\nx\n:::",
        "::: exam\nx\n:::",
        "::: wonder\nx\n:::",
        "::: figure\nx\n:::",
        "::: figure ../x.svg\nx\n:::",
        "::: figure none.svg\nalt: x\n:::",
        "::: lab\nx\n:::",
        "::: lab nowhere\nx\n:::",
        "::: predict nowhere\n:::",
        "::: predict nowhere x\n:::",
        "::: check nothing\n:::",
        "::: check\n:::",
        "::: run nowhere cache\n```\nPING\n```\n:::",
        "::: run nowhere\nPING\n:::",
        "# A title\n",
        "## Bench\n",
        ":::: places\n::: check known\n:::\n::::\n",
    ],
)
def test_what_is_wrong_is_reported_with_its_line(around, reports, text):
    render("\n" + text, around)

    assert reports
    assert any(where.startswith("line ") for where, _ in reports)


def test_what_is_right_is_not_reported(around, reports):
    render("::: check known\n:::\n\n::: instructor\nQuiet.\n:::\n\n```\n::: wonder\n```\n", around)

    assert reports == []


def test_blocks_come_in_their_order(around):
    rendered = render(
        "One.\n\n::: check known\n:::\n\n## Two\n\n::: instructor\nQuiet.\n:::\n\nThree.\n", around
    )

    assert [type(block) for block in rendered.blocks] == [
        Html,
        CheckQuestion,
        Html,
        Instructor,
        Html,
    ]
    assert [(section.anchor, section.title) for section in rendered.sections] == [("two", "Two")]


def test_a_lab_keeps_its_settings_apart_from_its_gear(around):
    block = next(
        block
        for block in render("::: lab some-lab cache=off gear=load\nGo.\n:::\n", around).blocks
        if isinstance(block, LabLink)
    )

    assert (block.lab, block.gear, dict(block.settings)) == ("some-lab", "load", {"cache": "off"})


def test_a_snippet_is_one_command(around, reports):
    assert [
        block.command
        for block in render("::: run x cache\n```\nINFO stats\n```\n:::\n", around).blocks
        if isinstance(block, RunSnippet)
    ] == ["INFO stats"]
    assert not [
        block
        for block in render("::: run x cache\n```\nGET a\nGET b\n```\n:::\n", around).blocks
        if isinstance(block, RunSnippet)
    ]


def test_notes_lead_there_and_back(around):
    page = html("Text.[^a] More.[^a]\n\n[^a]: The note.\n", around)

    assert 'href="#note-1"' in page and 'id="note-1"' in page
    assert 'id="ref-1"' in page and 'id="ref-1-1"' in page and 'href="#ref-1"' in page


def test_code_is_coloured_by_classes(around):
    page = html("```python\nimport json\n```\n", around)

    assert '<span class="kn">import</span>' in page
    assert "style=" not in page


def test_unknown_code_stays_plain(around):
    assert "<pre><code>GET a\n</code></pre>" in html("```\nGET a\n```\n", around)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "![x](https://evil.example/x.png)",
        '[x]{.hit onclick="alert(1)"}',
        '[x]{.hit style="color:red"}',
        '[x]{.hit hx-get="/pwn" hx-trigger="load"}',
        "<div hx-get=/pwn hx-trigger=load></div>",
        "`<b onmouseover=x>`",
        "[x](http://plain.example)",
        '<a id="main" name="x" href="#">x</a>',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_nothing_that_acts_reaches_a_page(around, text):
    for page in (html(text, around), str(render_inline(text, around))):
        for part in (
            "<script",
            "<img",
            'href="javascript',
            'href="data',
            'href="http:',
            "<div",
            "<b ",
        ):
            assert part not in page
        tags = "".join(tag.split(">")[0] for tag in page.split("<")[1:])
        for part in ("onclick", "onerror", "style=", "hx-", "name="):
            assert part not in tags


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("hit_p50_ms", 0.1894, f"0.189{NBSP}ms"),
        ("get_p50_ms", 0.06, f"60{NBSP}µs"),
        ("slow_ms", 642.4, f"642{NBSP}ms"),
        ("ttl_s", 60.0, f"60{NBSP}s"),
        ("rate_percent", 92.46, f"92.5{NBSP}%"),
        ("reads_per_s", 1234.4, f"1,230{NBSP}/s"),
        ("queries_per_s_with_cache", 98.76, f"98.8{NBSP}/s"),
        ("stale_reads", 3.0, "3"),
        ("stale_reads", 0.0, "0"),
        ("long_ms", 12_345.0, f"12.3{NBSP}s"),
    ],
)
def test_figures_have_three_digits_and_their_unit(name, value, shown):
    assert show(name, value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(4251.7, "4,250"), (-1.5, "-1.5"), (0.00123456, "0.00123"), (999.9, "1,000"), (100.0, "100")],
)
def test_digits(value, shown):
    assert digits(value) == shown


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x</script>",
        '<circle onclick="x"/>',
        '<rect style="fill:red"/>',
        "<style>x</style>",
        '<image href="https://evil.example/x.png"/>',
        '<use href="https://evil.example/#x"/>',
        "<foreignObject/>",
        "<animate/>",
        '<rect fill="url(https://evil.example/x)"/>',
        '<a href="javascript:x"><text>x</text></a>',
        '<g hx-get="/pwn"/>',
        "<unclosed>",
    ],
)
def test_a_drawing_that_acts_is_refused(tmp_path: Path, inside: str):
    path = tmp_path / "x.svg"
    path.write_text(f'<svg viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg">{inside}</svg>')

    with pytest.raises(BadFigure):
        read_figure(path, "A drawing")


def test_a_drawing_has_its_text_alternative(tmp_path: Path):
    path = tmp_path / "x.svg"
    path.write_text(
        '<svg viewBox="0 0 1 1" role="img" aria-label="old"><!-- note --><circle r="1" '
        'fill="url(#a)"/></svg>'
    )

    assert (
        read_figure(path, 'A "drawing" <of> one')
        == '<svg viewBox="0 0 1 1" role="img" aria-label="A &#34;drawing&#34; &lt;of&gt; '
        'one"><circle r="1" fill="url(#a)"/></svg>'
    )


def test_a_figure_has_its_caption(around, tmp_path):
    (tmp_path / "x.svg").write_text('<svg viewBox="0 0 1 1"/>')

    rendered = render("::: figure x.svg\nalt: A point.\n\nThe *caption*.\n:::\n", around)

    assert rendered.blocks == (
        Figure(
            "x.svg",
            read_figure(tmp_path / "x.svg", "A point."),
            "A point.",
            rendered.blocks[0].caption,
        ),
    )
    assert rendered.blocks[0].caption == "<p>The <em>caption</em>.</p>\n"


def test_words_are_set_as_a_book_sets_them(around):
    set_text = render_inline("""It doesn't take "20 ms" but 90 % of `"5 ms"`, 3 servers""", around)

    assert (
        set_text == 'It doesn’t take “20&nbsp;ms” but 90&nbsp;% of <code>"5 ms"</code>, 3 servers'
    )
