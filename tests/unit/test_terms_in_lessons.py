"""Terms of the glossary in a lesson's text: which uses become links, and what they carry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.content.dialect.surroundings import Surroundings
from portal.content.dialect.text import render
from portal.content.glossary import Entry, Glossary
from portal.content.model import Html, LabLink

GLOSSARY = Glossary(
    [
        Entry("TTL", 'How long a "key" stays.', also=("time to live",)),
        Entry("cache", "A store for copies.", also=("caches",)),
        Entry("cache-aside", "A pattern.", also=("lazy loading",)),
        Entry("primary", "The node that takes writes."),
    ]
)
TERM = re.compile(r'<a class="term" href="/glossary#([a-z-]+)" data-means="([^"]+)">([^<]+)</a>')


def blocks(text):
    around = Surroundings(lambda where, text: None, Path(), glossary=GLOSSARY)
    return render(text, around).blocks


def marked(text):
    html = "".join(str(block.html) for block in blocks(text) if isinstance(block, (Html, LabLink)))
    return [(anchor, word) for anchor, _, word in TERM.findall(html)]


def test_the_first_use_of_a_term_carries_what_it_means():
    html = str(blocks("A TTL & a cache.")[0].html)

    assert html == (
        '<p>A <a class="term" href="/glossary#ttl" data-means="How long a &quot;key&quot; stays.">'
        'TTL</a> &amp; a <a class="term" href="/glossary#cache" data-means="A store for copies.">'
        "cache</a>.</p>\n"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A cache, a cache and two caches.\n\nA time to live, a TTL.", ["cache", "time to live"]),
        ("## A cache\n\nThe **cache**.", ["cache"]),
        ("`cache` and [the cache](/labs/x), then a cache.", ["cache"]),
        ("```\nthe cache\n```\n\nOne cache.", ["cache"]),
        ("[a cache]{.hit} and lazy loading", ["lazy loading"]),
        ("A note.[^n] A TTL.\n\n[^n]: A cache.", ["TTL"]),
        ("| cache |\n|---|\n| a cache |\n\nA cache.", ["cache"]),
        ("::: instructor\nThe cache.\n:::\n\nA TTL.", ["TTL"]),
        ("::: question\nWhat is a cache?\n:::", ["cache"]),
        ("::: lab x\nStart the cache.\n:::", ["cache"]),
        (':::: truths\n::: today checked="2026-11"\nA cache.\n:::\n::::', ["cache"]),
    ],
)
def test_only_running_text_is_marked_and_once(text, found):
    assert [word for _, word in marked(text)] == found


def test_where_the_text_explains_a_term_itself_no_later_use_is_a_link():
    assert marked("The [primary]{.term} takes writes. A primary, a cache.") == [("cache", "cache")]


def test_a_passage_that_may_stay_folded_has_first_uses_of_its_own():
    text = "A TTL.\n\n::: curious Inside\nA TTL and a cache.\n:::\n\nA cache."

    assert [word for _, word in marked(text)] == ["TTL", "cache", "cache"]


def test_without_a_glossary_nothing_is_marked():
    around = Surroundings(lambda where, text: None, Path())

    assert str(render("A cache.", around).blocks[0].html) == "<p>A cache.</p>\n"
