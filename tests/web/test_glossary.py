"""The page of all terms, and the marks that lead to it from lessons and benches."""

from __future__ import annotations

import gzip
import re

import pytest

from portal.content.loading import load
from portal.settings import ROOT

COURSE = load(ROOT / "lessons")
ENTRIES = COURSE.glossary.entries
TERM = re.compile(r'<a class="term" href="/glossary#([a-z0-9-]+)" data-means="([^"]+)">([^<]+)</a>')


def test_every_term_has_an_anchor_and_every_link_of_the_page_leads_somewhere(real):
    page = real.get("/glossary").text

    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {entry.anchor for entry in ENTRIES} <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    for slug in set(re.findall(r'href="/lessons/([a-z-]+)"', page)):
        assert COURSE.lesson(slug), slug
    assert f"The {len(ENTRIES)} terms of the course" in page


def test_a_term_names_its_lesson_and_links_it_if_it_is_written(real):
    page = real.get("/glossary").text

    ttl, slab = (
        page.partition(f'<div id="{anchor}"')[2].partition("</div>")[0]
        for anchor in ("ttl", "slab")
    )
    assert '<a href="/lessons/cache-aside-in-code">Lesson 3, Cache-aside in code</a>' in ttl
    assert "Lesson 9, Memcached (not written yet)" in slab


def test_every_page_leads_to_the_glossary(real):
    for path in ("/", "/labs", "/lessons/why-a-cache", "/labs/cache-aside", "/nowhere"):
        assert 'href="/glossary">Glossary</a>' in real.get(path).text

    end = real.get("/lessons/why-a-cache").text.partition('id="end"')[2].partition("</section>")[0]
    assert 'href="/glossary"' in end


def test_a_lesson_marks_the_first_use_of_a_term_with_what_it_means(real):
    text = real.get("/lessons/cache-aside-in-code").text.partition('class="prose"')[2]

    terms = TERM.findall(text.partition('id="end"')[0])
    anchors = [anchor for anchor, _, _ in terms]
    assert "ttl" in anchors
    assert len(anchors) == len(set(anchors))
    means = {entry.anchor: entry.means for entry in ENTRIES}
    assert all(means[anchor] for anchor in anchors)


@pytest.mark.parametrize("lesson", COURSE.written, ids=lambda lesson: lesson.slug)
def test_the_definitions_cost_a_lesson_at_most_two_kilobytes(lesson):
    html = "".join(str(getattr(block, "html", "")) for block in lesson.blocks)
    without = TERM.sub(r"\3", html)

    assert len(html) > len(without)
    assert len(gzip.compress(html.encode())) - len(gzip.compress(without.encode())) < 2_000


def test_the_guide_of_a_bench_marks_terms_and_says_the_same_words(real, labs_host):
    real.post("/labs/cache-aside/sandbox")

    page = real.get("/labs/cache-aside").text
    guide = page.partition("<cg-guide")[2].partition("</cg-guide>")[0]

    assert TERM.search(guide)
    summary = guide.partition("<summary>")[2].partition("</summary>")[0]
    assert 'class="term"' not in summary
    assert 'class="term"' not in guide.partition('class="guide-reasons"')[2]


def test_a_closed_bench_marks_terms_in_the_question_of_its_lab(real):
    says = real.get("/labs/write-through").text.partition('class="says"')[2].partition("</p>")[0]

    assert TERM.search(says)


def test_a_course_without_a_glossary_says_so(client):
    page = client.get("/glossary").text

    assert "There is no glossary" in page
