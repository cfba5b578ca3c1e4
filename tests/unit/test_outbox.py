"""Outcomes that must not be lost stay until they are acknowledged, on a full disk too."""

import contextlib
import json
import resource

import pytest

from labs.host.outbox import Outbox


@pytest.fixture
def outbox(tmp_path):
    kept = Outbox(tmp_path / "outbox.sqlite")
    yield kept
    kept.close()


@contextlib.contextmanager
def no_room():
    """No file of this process grows, as on a full disk."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def ids(bodies):
    return [json.loads(body)["id"] for body in bodies]


def test_what_does_not_fit_on_the_disk_is_sent_all_the_same_and_written_later(outbox, tmp_path):
    outbox.put({"id": "first"})
    with no_room():
        outbox.put({"id": "second"})
        outbox.put({"id": "second"})
        assert sorted(ids(outbox.due())) == ["first", "second"]

    assert sorted(ids(outbox.due())) == ["first", "second"]
    again = Outbox(tmp_path / "outbox.sqlite")
    assert sorted(ids(again.due())) == ["first", "second"] and len(outbox) == 2
    again.close()


def test_what_is_acknowledged_while_there_is_no_room_is_not_sent_again(outbox):
    with no_room():
        outbox.put({"id": "one"})
        outbox.acknowledged("one")
        assert outbox.due() == []

    assert outbox.due() == [] and len(outbox) == 0


def test_acknowledgements_are_taken_while_there_is_no_room(outbox):
    """Those of outcomes that were written before, too: what is sent is marked, if it can be."""
    for name in ("written", "also written"):
        outbox.put({"id": name})
    with no_room():
        outbox.put({"id": "unwritten"})
        due = outbox.due()
        assert sorted(ids(due)) == ["also written", "unwritten", "written"]

        outbox.sent(due)
        outbox.acknowledged("written")
        outbox.acknowledged("unwritten")

    outbox.acknowledged("written")
    assert ids(outbox.due()) == ["also written"] and len(outbox) == 1


def test_what_is_in_memory_only_waits_as_the_others_before_it_is_sent_again(outbox):
    with no_room():
        outbox.put({"id": "one"})
        outbox.put({"id": "two"})
        assert ids(outbox.due(limit=1)) == ["one"]

        outbox.sent(outbox.due(limit=1))

        assert ids(outbox.due()) == ["two"]
