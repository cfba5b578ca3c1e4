"""Events cross from a hostile sandbox: whatever is not exactly an event is refused."""

import pytest

from labs.errors import BadInput
from labs.events import (
    TYPES,
    CheckChanged,
    CommandRan,
    Entry,
    NoteAdded,
    ServerChanged,
    encode,
)
from labs.events.decoding import decode


def test_an_event_survives_the_wire():
    entry = Entry(
        7,
        12.5,
        CheckChanged(
            check="a",
            claim="A",
            status="met",
            message="so",
            evidence={"hits": 1, "engine": "redis", "alone": True},
        ),
    )

    assert decode(encode(entry)) == entry


def test_words_and_meaning_travel_with_the_event():
    data = encode(
        Entry(
            1,
            0.0,
            CommandRan(
                request=3,
                server="cache",
                command="GET a",
                reply="(nil)",
                took_ms=0.16,
                meaning="miss",
            ),
        )
    )

    assert data["sentence"] == "Request 3: cache had nothing in 0.16 ms"
    assert data["sense"] == "miss"


def test_a_server_that_comes_up_at_the_opening_is_no_news():
    assert ServerChanged(server="cache", state="up").sentence == ""
    assert (
        ServerChanged(server="cache", state="down", why="you killed it").sentence
        == "cache is down: you killed it"
    )


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind.type)
def test_every_type_has_a_name_and_a_docstring(kind):
    assert kind.type
    assert kind.__doc__


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"type": "nonsense", "seq": 1, "at": 1.0},
        {"type": "note-added", "seq": 0, "at": 1.0, "text": "x"},
        {"type": "note-added", "seq": True, "at": 1.0, "text": "x"},
        {"type": "note-added", "seq": 1, "at": "now", "text": "x"},
        {"type": "note-added", "seq": 1, "at": 1.0},
        {"type": "note-added", "seq": 1, "at": 1.0, "text": 7},
        {"type": "note-added", "seq": 1, "at": 1.0, "text": "x", "extra": 1},
        {"type": "note-added", "seq": 1, "at": 1.0, "text": "x", "meaning": "gold"},
        {"type": "reading-taken", "seq": 1, "at": 1.0, "readings": {"a": "fast"}},
        {
            "type": "reading-taken",
            "seq": 1,
            "at": 1.0,
            "readings": {str(n): 1.0 for n in range(101)},
        },
        {"type": ["note-added"], "seq": 1, "at": 1.0},
    ],
)
def test_what_is_not_an_event_is_refused(data):
    with pytest.raises(BadInput):
        decode(data)


def test_long_text_is_cut():
    entry = decode({"type": "note-added", "seq": 1, "at": 1.0, "text": "x" * 5_000})

    assert isinstance(entry.event, NoteAdded)
    assert len(entry.event.text) == 2_000
