"""Frames: bounded, whole, and refused when they are not frames."""

import json
import struct

import pytest

from labs import wire
from labs.errors import BadInput


def test_frames_come_out_whole_however_they_are_cut():
    data = wire.pack({"a": 1}) + wire.pack({"b": "ü"})
    unpacker = wire.Unpacker()

    messages = [message for byte in data for message in unpacker.feed(bytes([byte]))]

    assert messages == [{"a": 1}, {"b": "ü"}]


@pytest.mark.parametrize(
    "body", [b"nonsense", b"[1]", b'"x"', b"[" * 100_000, json.dumps({"a": "x"}).encode()[:-1]]
)
def test_what_is_no_object_is_refused(body):
    with pytest.raises(BadInput):
        wire.Unpacker().feed(struct.pack(">I", len(body)) + body)


def test_a_frame_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(BadInput):
        wire.Unpacker().feed(struct.pack(">I", wire.FRAME_LIMIT + 1))


def test_nothing_over_the_limit_is_sent():
    with pytest.raises(BadInput):
        wire.pack({"a": "x" * wire.FRAME_LIMIT})
