"""How many commands a pasted text is, and which of its characters came from a word processor."""

import pytest

from labs.sandbox.typed import PIECES, foreign, foreign_in_sql


@pytest.mark.parametrize(
    ("language", "text", "pieces"),
    [
        ("memcached", "set k 0 0 5\nhello\nget k", ["set k 0 0 5\nhello\nget k"]),
        ("resp", "SET a 1\nGET a", ["SET a 1", "GET a"]),
        ("resp", "SET a 1\n\n  \nGET a\n", ["SET a 1", "GET a"]),
        ("resp", 'SET a "one\ntwo"\nGET a', ['SET a "one\ntwo"', "GET a"]),
        ("resp", "SET a 'it\\'s'\nGET a", ["SET a 'it\\'s'", "GET a"]),
        ("resp", 'SET a "\\"\nx"\nGET a', ['SET a "\\"\nx"', "GET a"]),
        ("resp", "PING", ["PING"]),
        ("sql", "select 1;\nselect 2", ["select 1;\nselect 2"]),
    ],
)
def test_a_pasted_text_is_the_commands_that_its_language_says(language, text, pieces):
    assert PIECES[language](text) == pieces


def test_characters_of_a_word_processor_are_named_once_with_what_they_stand_for():
    said = foreign("“a” – ‘b’\u00a0“c”")

    assert said.endswith(
        "“ for \", ” for \", – for -, ‘ for ', ’ for ', a non-breaking space for a space."
    )
    assert foreign("'a' -- \"b\"") == ""


@pytest.mark.parametrize(
    "statement",
    ["select 'a” -- b'", 'select "a–b"', "-- “\nselect 1", "select $q$‘$q$", "/* – */ select 1"],
)
def test_in_sql_they_count_outside_of_texts_and_comments_alone(statement):
    assert foreign_in_sql(statement) == ""
    assert foreign_in_sql(statement + "\n, ‘x’") != ""


@pytest.mark.parametrize(
    "text",
    ["/*" * 32_000, "$a$" * 20_000 + "$b$", "'" + "\n" * 60_000, "$" * 65_000, "e'\\" * 21_000],
    ids=["comments", "dollars", "lines-in-quotes", "signs", "escapes"],
)
def test_the_longest_text_is_read_in_one_pass(text):
    """A second look at what follows each character would take minutes here."""
    assert foreign_in_sql(text) == ""
    assert [len(pieces(text)) for pieces in PIECES.values()][::2] == [1, 1]


def test_comments_in_comments_and_quotes_in_names_are_literal():
    assert foreign_in_sql("select 1 /* /* “ */ – */, 2") == ""
    assert foreign_in_sql("select price'–'") == ""
    assert foreign_in_sql("select 1 /* “ */ – 2") != ""
