"""The page with every line of the exam notes, and the links that lead to it."""

from __future__ import annotations

import re

from portal.content.loading import load
from portal.settings import ROOT

COURSE = load(ROOT / "lessons")
LINES = COURSE.notes.lines


def part(page: str, anchor: str) -> str:
    """The markup of one line."""
    return page.partition(f'<div id="{anchor}"')[2].partition("</div>")[0]


def test_every_line_has_an_anchor_and_every_link_of_the_page_leads_somewhere(real):
    page = real.get("/notes").text

    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {line.anchor for line in LINES} <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    for slug in set(re.findall(r'href="/lessons/([a-z-]+)"', page)):
        assert COURSE.lesson(slug), slug


def test_the_count_at_the_top_is_that_of_the_lines(real):
    page = real.get("/notes").text
    top = page.partition('class="notes-count"')[2].partition("</p>")[0]

    assert "34 lines" in top
    shown = [int(number) for number in re.findall(r">(\d+) ", top.partition("lines")[2])]
    assert shown == list(COURSE.notes.counts.values())
    assert sum(shown) == len(LINES)


def test_a_line_shows_verdict_date_source_answer_and_lesson(real):
    page = real.get("/notes").text

    for line in LINES:
        shown = part(page, line.anchor)
        assert f">{line.verdict.words.capitalize()}</span>" in shown, line.fact
        assert re.search(r"(since|checked) [A-Z][a-z]+ 20\d\d", shown), line.fact
        assert all(f'href="{source.url}"' in shown for source in line.sources), line.fact
        assert ("An exam expects:" in shown) == bool(line.answer), line.fact
        lesson = COURSE.lessons[line.lesson]
        if lesson.written:
            assert f'href="/lessons/{lesson.slug}"' in shown, line.fact
        else:
            assert f"Lesson {lesson.number}, {lesson.title} (not written yet)" in shown, line.fact


def test_the_course_and_two_lessons_lead_to_it(real):
    for path in ("/", "/lessons/why-a-cache", "/lessons/cache-aside-in-code"):
        assert real.get(path).text.count('href="/notes"') == 1, path


def test_a_course_without_notes_says_so(client):
    assert "There are no notes" in client.get("/notes").text
    assert 'href="/notes"' not in client.get("/").text
