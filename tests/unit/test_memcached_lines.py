"""The value of a storage command, typed line by line into Memcached's console."""

import itertools

import pytest

from labs.sandbox.memcached_lines import Lines

PIECES = ("", "a", "é", "\\n", "\\x00", "\\", "\\q", "a\\", "\r")


def typed(size, lines):
    """The request that comes of these lines, and how many of them it took."""
    session = Lines()
    assert session.take(f"set k 0 0 {size}") is None
    for count, line in enumerate(lines, start=1):
        if (request := session.take(line)) is not None:
            return request, count
    return None, len(lines)


def expected(size, lines):
    """The value by the rule: as typed, with line ends of two bytes, or with each escape read."""
    for count in range(1, len(lines) + 1):
        text = "\n".join(lines[:count]).encode()
        values = [text, text.replace(b"\n", b"\r\n")]
        if all(line in ("", "a", "é", "\\n", "\\x00", "\r") for line in lines[:count]):
            values.append(text.replace(b"\\n", b"\n").replace(b"\\x00", b"\0"))
        for value in values:
            if len(value) == size:
                return value, count
        if all(len(value) > size for value in values):
            return None, count
    return None, len(lines)


@pytest.mark.parametrize("size", range(7))
def test_a_value_is_whole_with_the_line_that_the_rule_names(size):
    for lines in itertools.product(PIECES, repeat=3):
        request, took = typed(size, lines)
        value, count = expected(size, lines)

        assert took == count, lines
        if value is not None:
            assert request and request.data == b"set k 0 0 %d\r\n%b\r\n" % (size, value), lines


def test_a_value_may_have_as_many_lines_as_bytes():
    """The work for a line must not grow with the lines before it: this is over in a moment."""
    request, took = typed(60_000, [""] * 60_001)

    # Line ends of one byte would need twice as many lines.
    assert took == 30_001
    assert request and request.data.endswith(b"60000\r\n" + b"\r\n" * 30_000 + b"\r\n")
