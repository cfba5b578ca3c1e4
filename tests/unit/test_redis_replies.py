"""Replies of RESP as the console reads them, however they arrive; words and quotes of redis-cli."""

import random

import pytest

from labs.clients.resp import NotResp
from labs.sandbox.redis_cli.printing import printed
from labs.sandbox.redis_cli.quoting import fitting, quoted
from labs.sandbox.redis_cli.refusals import line_of
from labs.sandbox.redis_cli.replies import DEEPEST, Many, ReplyReader, Text, is_cut
from labs.sandbox.redis_cli.words import split

LIMIT = 60_000


def reader_of(data, chunk):
    """A reader to which the bytes come in chunks of this size; it fails where more are wanted."""
    chunks = iter([data[at : at + chunk] for at in range(0, len(data), chunk)])
    return ReplyReader(lambda: next(chunks))


EXAMPLES = [
    (b"+OK\r\n", "OK"),
    (b"-ERR no\r\n", "(error) ERR no"),
    (b":-42\r\n", "(integer) -42"),
    (b"$4\r\na\r\nb\r\n", r'"a\r\nb"'),
    (b"$-1\r\n", "(nil)"),
    (b"*-1\r\n", "(nil)"),
    (b"_\r\n", "(nil)"),
    (b",1.5\r\n", "(double) 1.5"),
    (b",inf\r\n", "(double) inf"),
    (b"#t\r\n", "(true)"),
    (b"#f\r\n", "(false)"),
    (b"(123456789012345678901\r\n", "(big number) 123456789012345678901"),
    (b"!5\r\nERR x\r\n", "(error) ERR x"),
    (b"=8\r\ntxt:a\nb!\r\n", "a\nb!"),
    (b"*0\r\n", "(empty array)"),
    (b"%0\r\n", "(empty hash)"),
    (b"~0\r\n", "(empty set)"),
    (b"*2\r\n*1\r\n:1\r\n~1\r\n:2\r\n", "1) 1) (integer) 1\n2) 1~ (integer) 2"),
    (b"%1\r\n+a\r\n%1\r\n+b\r\n:1\r\n", "1# a => 1# b => (integer) 1"),
    (b"%1\r\n+a\r\n*2\r\n:1\r\n:2\r\n", "1# a => \n   1) (integer) 1\n   2) (integer) 2"),
    (b"|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", '"a"'),
    (b"*1\r\n|1\r\n+ttl\r\n*1\r\n:3\r\n$1\r\na\r\n", '1) "a"'),
    (b">2\r\n+message\r\n:1\r\n", "1) message\n2) (integer) 1"),
]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize(("data", "shown"), EXAMPLES)
def test_a_reply_is_read_whole_in_whatever_pieces_it_comes(data, shown, chunk):
    reader = reader_of(data + b"+NEXT\r\n", chunk)

    reply = reader.reply(LIMIT)

    assert printed(reply) == shown
    assert not is_cut(reply)
    assert reader.reply(LIMIT) == Text("+", b"NEXT", 4)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize(("data", "shown"), EXAMPLES)
def test_what_is_not_shown_is_read_past(data, shown, chunk):
    """The first element leaves no room for the second."""
    first = b"$500\r\n" + b"x" * 500 + b"\r\n"
    reader = reader_of(b"*2\r\n" + first + data + b"+NEXT\r\n", chunk)

    reply = reader.reply(100)

    assert isinstance(reply, Many) and (reply.count, len(reply.items)) == (2, 1)
    assert reader.reply(LIMIT) == Text("+", b"NEXT", 4)


@pytest.mark.parametrize(
    "data", [b"hello\r\n", b"$x\r\n", b"$?\r\n", b"*1x\r\n", b"\r\n", b"*1\r\n@\r\n"]
)
@pytest.mark.parametrize("most", [0, LIMIT])
def test_what_is_no_reply_of_resp_is_refused(data, most):
    with pytest.raises(NotResp):
        reader_of(b"*2\r\n" + data * 2, 1_000).reply(most)


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 5_000])
def test_a_reply_of_any_depth_is_read(depth):
    reader = reader_of(b"*1\r\n" * depth + b":1\r\n+NEXT\r\n", 1_000)

    reply = reader.reply(LIMIT)

    assert is_cut(reply) is (depth > DEEPEST)
    assert printed(reply).endswith("(64 KiB a command)" if depth > DEEPEST else "(integer) 1")
    assert reader.reply(LIMIT) == Text("+", b"NEXT", 4)


def test_quotes_give_back_every_byte():
    rng = random.Random(10)
    for _ in range(500):
        words = [rng.randbytes(rng.randrange(12)) for _ in range(rng.randrange(1, 5))]

        assert split(" ".join(quoted(word) for word in words)) == words
        assert split(line_of(words)) == words


def test_what_fits_is_what_is_printed():
    data = bytes(range(256))
    for width in range(len(quoted(data)) + 2):
        kept, taken = fitting(data, width)

        assert taken == len(quoted(kept)) - 2 <= width
        assert kept == data or len(quoted(data[: len(kept) + 1])) - 2 > width


def test_a_half_of_a_pair_is_no_reason_to_fail():
    assert split("SET a \ud800") == [b"SET", b"a", b"?"]
