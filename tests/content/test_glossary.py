"""The glossary as it stands: every term is used, and no meaning needs another word list."""

from __future__ import annotations

import re

import pytest

from portal.content.loading import load
from portal.settings import ROOT

COURSE = load(ROOT / "lessons")
ENTRIES = COURSE.glossary.entries
TEXTS = [*ROOT.glob("lessons/*/*.md"), *ROOT.glob("lessons/*/*.toml")]
LABS = [*ROOT.glob("labs/catalogue/*/*.py"), *ROOT.glob("labs/setups/**/*.py")]
USED = {
    entry.term
    for path in (*TEXTS, *LABS)
    for _, _, entry in COURSE.glossary.find(path.read_text(encoding="utf-8").replace("*", ""))
}
EVERYBODY_KNOWS = {"AWS", "OK", "API", "SQL", "EC2"}
ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]+\b")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_a_term_is_used_or_its_lesson_is_to_come(entry):
    is_to_come = not COURSE.lessons[entry.lesson].written

    assert entry.term in USED or entry.common or is_to_come


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_what_a_term_means_is_said_in_one_or_two_sentences_without_unknown_acronyms(entry):
    assert 1 <= len(re.findall(r"[.?](?:\s|$)", entry.means)) <= 2
    rest = entry.means
    for start, end, _ in reversed(COURSE.glossary.find(entry.means)):
        rest = rest[:start] + rest[end:]
    assert set(ACRONYM.findall(rest)) <= EVERYBODY_KNOWS
