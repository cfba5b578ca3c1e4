"""The glossary: what it finds in a text, and what is wrong with a file of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from portal.content.glossary import Entry, Glossary
from portal.content.loading import load

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "lessons"
ENTRY = '[[entry]]\nterm = "TTL"\nmeans = "x"\n'
GLOSSARY = Glossary(
    [
        Entry("TTL", "How long a key stays.", also=("TTLs", "time to live")),
        Entry("cache", "A store for copies.", also=("caches",)),
        Entry("page cache", "Memory that holds files."),
        Entry("primary", "The node that takes writes.", not_in=("primary key",)),
        Entry("pub/sub", "Messages to who listens."),
        Entry("check", "A statement.", common=True),
    ]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A cache, two Caches.", [("cache", "cache"), ("Caches", "cache")]),
        ("the cache's keys", [("cache", "cache")]),
        ("the page cache", [("page cache", "page cache")]),
        ("cached, cache-aside, uncache", []),
        ("a TTL, a ttl", [("TTL", "TTL")]),
        ("Time to live", [("Time to live", "TTL")]),
        (
            "time to\nlive and time\u00a0to live",
            [("time to\nlive", "TTL"), ("time\xa0to live", "TTL")],
        ),
        ("a primary, a primary key, a primary-key lookup", [("primary", "primary")]),
        ("Pub/Sub", [("Pub/Sub", "pub/sub")]),
        ("check it", []),
        ("", []),
    ],
)
def test_terms_are_found_as_whole_words_the_longest_first(text, found):
    assert [(text[a:b], entry.term) for a, b, entry in GLOSSARY.find(text)] == found


def test_an_entry_is_known_by_each_of_its_spellings():
    assert GLOSSARY.entry("Time to live") is GLOSSARY.entry("TTL")
    assert GLOSSARY.entry("nothing") is None


def test_entries_are_in_the_order_of_the_alphabet_digits_first():
    glossary = Glossary([Entry("TTL", "."), Entry("cache", "."), Entry("99th percentile", ".")])

    assert list(glossary.by_letter) == ["0–9", "C", "T"]
    assert [entry.anchor for entry in glossary.entries] == ["99th-percentile", "cache", "ttl"]


def test_a_file_of_terms_becomes_the_glossary_of_the_course(tmp_path):
    course = read(tmp_path, ENTRY + 'also = ["TTLs"]\nlesson = "first"\n')

    assert [each.term for each in course.glossary.entries] == ["TTL"]
    assert not [problem for problem in course.problems if "glossary" in problem.place.file]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([ENTRY] * 2, "(TTL): “TTL” is there twice"),
        (
            [ENTRY, '[[entry]]\nterm = "age"\nalso = ["ttl"]\nmeans = "x"\n'],
            "(age): “ttl” is there twice: see TTL",
        ),
        ([ENTRY + 'see = ["age"]\n'], "(TTL): `see` names age, which is no other term"),
        ([ENTRY + 'see = ["TTL"]\n'], "(TTL): `see` names TTL, which is no other term"),
        ([ENTRY + 'lesson = "tenth"\n'], "(TTL): there is no lesson tenth"),
        ([ENTRY + 'colour = "red"\n'], "(entry.TTL.colour)"),
        (['[[entry]]\nterm = "TTL"\n'], "(entry.TTL.means)"),
        (
            [f'[[entry]]\nterm = "TTL"\nmeans = "{"x " * 41}"\n'],
            "(TTL): `means` has 41 words, more than 40",
        ),
        (
            [
                ENTRY,
                '[[entry]]\nterm = "T T-L"\nmeans = "x"\n',
                '[[entry]]\nterm = "T-T L"\nmeans = "x"\n',
            ],
            "(T-T L): its anchor #t-t-l is that of T T-L",
        ),
    ],
)
def test_a_problem_names_the_term(tmp_path, entries, told):
    problems = "\n".join(str(problem) for problem in read(tmp_path, *entries).problems)

    assert f"glossary.toml {told}" in problems


def read(folder, *entries):
    copy = folder / "lessons"
    shutil.copytree(SAMPLES, copy)
    (copy / "glossary.toml").write_text("\n".join(entries))
    return load(copy)
