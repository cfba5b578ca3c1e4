"""A line of redis-cli as its words: the rules of sdssplitargs, which are not those of a shell."""

from __future__ import annotations

import re

from labs.errors import BadInput
from labs.sandbox.console import COMMAND_LIMIT

_SPACE = b" \t\n\v\f\r"
_ENDS_A_WORD = b" \t\n\r"
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_BYTE = re.compile(rb"\\x([0-9A-Fa-f]{2})")


def split(line: str) -> list[bytes]:
    """The words of a line. BadInput, in the words of redis-cli, for quotes that do not close."""
    # A half of a pair of UTF-16 has no encoding; it can only come from a broken client.
    data = line.encode(errors="replace")
    if len(data) > COMMAND_LIMIT:
        raise BadInput("A command here is text of 64 KiB at most.")
    words, at = [], 0
    while True:
        while at < len(data) and data[at] in _SPACE:
            at += 1
        if at == len(data):
            break
        word, at = _word(data, at)
        words.append(word)
    if not words:
        raise BadInput("Write a command.", hint="For example: INFO stats")
    return words


def _word(data: bytes, at: int) -> tuple[bytes, int]:
    """The word that begins here, and where it ends."""
    word = bytearray()
    while at < len(data) and data[at] not in _ENDS_A_WORD:
        letter = data[at : at + 1]
        at += 1
        if letter in (b'"', b"'"):
            # A closing quote ends the word, also one that began without a quote.
            text, at = (_in_double if letter == b'"' else _in_single)(data, at)
            return bytes(word + text), at
        word += letter
    return bytes(word), at


def _in_double(data: bytes, at: int) -> tuple[bytes, int]:
    text = bytearray()
    while at < len(data):
        letter = data[at : at + 1]
        if byte := _BYTE.match(data, at):
            text.append(int(byte[1], 16))
            at += 4
        elif letter == b"\\" and at + 1 < len(data):
            after = data[at + 1 : at + 2]
            text += _ESCAPES.get(after, after)
            at += 2
        elif letter == b'"':
            return bytes(text), _after_quote(data, at + 1)
        else:
            text += letter
            at += 1
    raise _invalid('A double quote (") is not closed.')


def _in_single(data: bytes, at: int) -> tuple[bytes, int]:
    text = bytearray()
    while at < len(data):
        if data.startswith(b"\\'", at):
            text += b"'"
            at += 2
        elif data[at : at + 1] == b"'":
            return bytes(text), _after_quote(data, at + 1)
        else:
            text += data[at : at + 1]
            at += 1
    raise _invalid("A single quote (') is not closed.")


def _after_quote(data: bytes, at: int) -> int:
    if at < len(data) and data[at] not in _SPACE:
        raise _invalid("A space must follow a closing quote.")
    return at


def _invalid(why: str) -> BadInput:
    return BadInput(
        "Invalid argument(s)",
        hint=f'{why} Inside double quotes, \\" is a quote, \\n a line end, \\x00 a byte by its '
        "number.",
    )
