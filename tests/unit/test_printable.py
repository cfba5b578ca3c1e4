"""No control character of a sandbox reaches a page, on whatever path it comes."""

import socket
import unicodedata
from concurrent.futures import Future

import pytest

from labs.errors import BadInput, LabsError
from labs.events import Entry, NoteAdded, TableChanged, encode
from labs.events.decoding import decode
from labs.host.connection import Connection
from labs.printable import all_visible, visible, visible_bytes, visible_line
from labs.sandbox.psql_table import table

EVIL = "a\x1b[2J\x00\x7f\x9b\t\r\u202eb\u2028\ud800"


def is_hidden(letter):
    """True for a control character, a half of a pair, a line end, a mark of direction."""
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(
        letter
    ) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def test_every_hidden_letter_of_unicode_becomes_visible():
    hidden = "".join(chr(code) for code in range(0x110000) if is_hidden(chr(code)))

    assert not any(is_hidden(letter) for letter in visible_line(hidden))
    assert [letter for letter in visible(hidden) if is_hidden(letter)] == ["\n"]


def test_letters_that_a_person_writes_stay():
    text = "Grüße, 東京 👩‍💻 שלום\nthe second line"

    assert visible(text) == text


def test_bytes_that_are_no_text_are_shown_by_their_numbers():
    assert visible_bytes(b"\xff\xc3\xa9\x1b\n") == "\\xffé\\x1b\n"


def test_an_events_texts_are_visible():
    note = decode(encode(Entry(1, 1.0, NoteAdded(text=EVIL)))).event
    table = decode(encode(Entry(1, 1.0, TableChanged(table="t", rows=[{"key": EVIL}])))).event

    assert note == NoteAdded(text=visible(EVIL))
    assert table == TableChanged(table="t", rows=[{"key": visible(EVIL)}])


def waiting(connection):
    """A call that waits for the answer number 1."""
    connection.waiting[1] = future = Future()
    return future


@pytest.fixture
def connection(socket_pair):
    return Connection(socket_pair[0], "sandbox")


@pytest.fixture
def socket_pair():
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def test_an_answers_texts_are_visible(connection):
    future = waiting(connection)

    connection.on_message({"id": 1, "reply": {"lines": [EVIL], EVIL: {"deep": [EVIL, 1, None]}}})

    shown = visible(EVIL)
    assert future.result(0) == {"lines": [shown], shown: {"deep": [shown, 1, None]}}


def test_an_errors_texts_are_visible(connection):
    future = waiting(connection)

    connection.on_message({"id": 1, "error": {"kind": "bad-input", "message": EVIL, "hint": EVIL}})

    with pytest.raises(LabsError) as caught:
        future.result(0)
    assert (str(caught.value), caught.value.hint) == (visible(EVIL), visible(EVIL))


def test_an_outcomes_texts_are_visible(connection):
    outcomes = []
    connection.on_outcome = outcomes.append

    connection.on_message(
        {
            "outcome": {
                "id": "1",
                "kind": "check",
                "name": "n",
                "status": "met",
                "data": {"shown": EVIL},
            }
        }
    )

    assert outcomes[0]["data"] == {"shown": visible(EVIL)}


def test_an_answer_that_is_nested_too_deeply_is_refused(connection):
    waiting(connection)
    nested: dict[str, object] = {}
    for _ in range(5_000):
        nested = {"a": nested}

    with pytest.raises(BadInput):
        connection.on_message({"id": 1, "reply": nested})


def test_other_values_of_json_stay():
    value = {"a": [1, 2.5, True, None, "x"]}

    assert all_visible(value) == value


@pytest.mark.parametrize("mark", ["\u200e", "\u061c", "\u2028", "\ufeff", "\x9b"])
def test_what_no_page_shows_takes_its_room_in_a_table_of_sql(mark):
    """The escape is written before the column is measured, so the lines below stay in line."""
    lines, _ = table(["a", "b"], [[f"x{mark}", "1"], ["y", "2"]], [False, False], 1_000)

    assert mark not in "".join(lines)
    assert len({line.index("|") for line in lines if "|" in line}) == 1
