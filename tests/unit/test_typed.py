"""How many commands a pasted text is, and which of its characters came from a word processor."""

import pytest

from labs.sandbox.typed import (
    as_lines,
    foreign,
    foreign_in_sql,
    quote_as_letter,
    swallowed,
    without_passwords,
)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("SET a 1\nGET a", ["SET a 1", "GET a"]),
        ("SET a 1\n\n  \nGET a\n", ["SET a 1", "GET a"]),
        ('SET a "one\ntwo"\nGET a', ['SET a "one\ntwo"', "GET a"]),
        ("SET a 'it\\'s'\nGET a", ["SET a 'it\\'s'", "GET a"]),
        ('SET a "\\"\nx"\nGET a', ['SET a "\\"\nx"', "GET a"]),
        ("PING", ["PING"]),
    ],
)
def test_each_line_is_a_command_unless_a_quote_goes_on(text, pieces):
    assert as_lines(text) == pieces


def test_characters_of_a_word_processor_are_named_once_with_what_they_stand_for():
    said = foreign("“a” – ‘b’\u00a0“c”")

    assert said.endswith(
        "“ for \", ” for \", – for -, ‘ for ', ’ for ', a non-breaking space for a space."
    )
    assert foreign("'a' -- \"b\"") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select\u200b1", "a mark that is not seen for nothing"),
        ("\ufeffselect 1", "a mark that is not seen for nothing"),
        ("select\u20031", "a space of another width for a space"),
        ("select 1\u2028from a", "a line separator for a line end"),
        ("select ＇x＇", "＇ for '"),
        ("select «x»", '« for ", » for "'),
        ("select ´x´；", "´ for ', ； for ;"),
    ],
)
def test_what_looks_like_another_character_is_named(text, said):
    assert foreign_in_sql(text) == f"The command has characters of a word processor: {said}."


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\v", "\f"])
def test_a_comment_that_swallows_what_looks_like_the_next_line_is_noticed(separator):
    assert swallowed(f"delete from products -- all{separator}where product_id = 1")
    assert not swallowed(f"select 1 -- all{separator}\n, 2")
    assert not swallowed(f"select '--{separator}a', 2 /* {separator} */")
    assert not swallowed("select 1 -- all\r, 2")


@pytest.mark.parametrize(
    "statement",
    [
        "select 'a” -- b'",
        "select '«'",
        'select "a–b"',
        "-- “\nselect 1",
        "select $q$‘$q$",
        "/* – */ select 1",
    ],
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
    assert not swallowed(text)
    assert as_lines(text) == [text]


def test_comments_in_comments_and_quotes_in_names_are_literal():
    assert foreign_in_sql("select 1 /* /* “ */ – */, 2") == ""
    assert foreign_in_sql("select price'–'") == ""
    assert foreign_in_sql("select 1 /* “ */ – 2") != ""


@pytest.mark.parametrize("quote", "“”„‟«»‘’‚‛")
def test_every_quote_that_is_no_quote_is_found_by_both(quote):
    for found in (foreign(f"SET a {quote}b"), quote_as_letter(f"SET a {quote}b")):
        assert quote in found
    assert foreign_in_sql(f"select {quote}b") != ""


def test_a_dash_in_a_command_that_ran_is_left_alone():
    assert quote_as_letter("SET a '1 – 2'") == ""


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("AUTH s3cret", "AUTH …"),
        (" auth  shop 's3cret'", " auth …"),
        ("'AUTH' s3cret", "'AUTH' …"),
        ("HELLO 3 AUTH shop s3cret SETNAME me", "HELLO 3 AUTH …"),
        ("acl setuser shop on >s3cret ~*", "acl setuser …"),
        ("CONFIG SET maxmemory 1mb requirepass s3cret", "CONFIG SET maxmemory 1mb requirepass …"),
        ("MIGRATE h 1 k 0 9 AUTH2 shop s3cret", "MIGRATE h 1 k 0 9 AUTH2 …"),
        ("ALTER ROLE learner\nPASSWORD 's3cret'", "ALTER ROLE learner\nPASSWORD …"),
        ("create user me password s3cret", "create user me password …"),
        ("UPDATE a SET password = E's3cret'", "UPDATE a SET password = …"),
        ("AUTH", "AUTH"),
        ("SET author me", "SET author me"),
        ("CONFIG GET requirepass", "CONFIG GET requirepass"),
        ("SELECT password FROM users", "SELECT password FROM users"),
        ('GET "password"', 'GET "password"'),
    ],
)
def test_what_may_be_a_password_is_left_out(command, shown):
    assert without_passwords(command) == shown
