"""Where a request ends, found while its bytes arrive."""

import pytest

from portal.serve.arriving import CHUNK_LINE_BYTES, HEAD_BYTES, Arriving, State
from portal.web.errors import MAX_REQUEST_BYTES

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def with_head(*lines):
    return b"POST / HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        GET,
        b"GET / HTTP/1.1\r\n\r\n",
        POST + b"a=\r\n1",
        with_head(b"content-length:0"),
        with_head(b"CONTENT-LENGTH: 2 ") + b"ab",
        CHUNKED + b"0\r\n\r\n",
        CHUNKED + b"5\r\na=123\r\n0\r\n\r\n",
        CHUNKED + b"5 ; name=value\r\n0\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n",
        CHUNKED + b"A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n",
    ],
)
def test_a_request_is_whole_at_its_last_byte_and_not_before(request_):
    arriving = Arriving()

    for byte in request_[:-1]:
        assert arriving.add(bytes([byte])) is State.ARRIVING
    assert arriving.add(request_[-1:]) is State.WHOLE

    assert arriving.take(State.WHOLE) == request_
    assert len(arriving) == 0


def test_what_follows_a_request_is_the_next_one():
    arriving = Arriving()
    chunked = CHUNKED + b"1\r\na\r\n0\r\n\r\n"

    state = arriving.add(GET + POST + b"12345" + chunked + GET[:9])

    for request in (GET, POST + b"12345", chunked):
        assert state is State.WHOLE
        assert arriving.take(state) == request
        state = arriving.look()
    assert state is State.ARRIVING
    assert arriving.add(GET[9:]) is State.WHOLE


def test_empty_lines_before_a_request_are_passed_over():
    arriving = Arriving()

    assert arriving.add(b"\r\n\r") is State.ARRIVING
    assert arriving.add(b"\n" + GET) is State.WHOLE
    assert arriving.take(State.WHOLE) == GET


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r\nHost: here\nX: y",
        with_head(b"Content-Length: 1", b"Content-Length: 1"),
        with_head(b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        with_head(b"Transfer-Encoding: chunked", b"Content-Length: 1"),
        with_head(b"Content-Length: -1"),
        with_head(b"Content-Length: 1x"),
        with_head(b"Content-Length:"),
        with_head(b"Content-Length: " + b"9" * 5_000),
        with_head(f"Content-Length: {MAX_REQUEST_BYTES + 1}".encode()),
    ],
)
def test_what_has_no_end_that_is_worth_waiting_for_is_answered_at_once(request_):
    arriving = Arriving()

    assert arriving.add(request_) is State.CUT
    assert arriving.take(State.CUT) == request_


def test_the_largest_body_is_waited_for():
    arriving = Arriving()
    head = with_head(f"Content-Length: {MAX_REQUEST_BYTES}".encode())

    assert arriving.add(head + b"x" * (MAX_REQUEST_BYTES - 1)) is State.ARRIVING
    assert arriving.add(b"x") is State.WHOLE


def test_a_head_without_an_end_is_refused():
    arriving = Arriving()
    arriving.add(b"GET / HTTP/1.1\r\nX: ")

    states = [arriving.add(b"y" * 1_024) for _ in range(HEAD_BYTES // 1_024)]

    assert states[:-1] == [State.ARRIVING] * (len(states) - 1)
    assert states[-1] is State.HEAD_TOO_LONG


def test_a_head_that_comes_at_once_may_be_no_longer():
    assert Arriving().add(with_head(b"X: " + b"y" * HEAD_BYTES)) is State.HEAD_TOO_LONG


@pytest.mark.parametrize(
    "body", [b"x\r\n", b"\r\n", b"-1\r\n", b"2\r\nabc\r\n", b"1" * 9 + b"\r\n"]
)
def test_chunks_that_cannot_be_read_are_refused(body):
    assert Arriving().add(CHUNKED + body) is State.BROKEN


def test_a_line_of_a_chunk_has_a_greatest_length():
    assert Arriving().add(CHUNKED + b"1;" + b"x" * CHUNK_LINE_BYTES) is State.BROKEN


@pytest.mark.parametrize("size", [1, 4_096])
def test_chunks_without_an_end_are_refused(size):
    arriving = Arriving()
    state, chunk = arriving.add(CHUNKED), b"%x\r\n" % size + b"y" * size + b"\r\n"

    for _ in range(2 * MAX_REQUEST_BYTES // size):
        if state is not State.ARRIVING:
            break
        state = arriving.add(chunk)

    assert state is State.BODY_TOO_LONG


def test_a_client_that_waits_to_send_its_body_is_asked_for_it_once():
    arriving = Arriving()
    arriving.add(POST[:-2] + b"Expect: 100-continue\r\n\r\n")

    assert arriving.should_continue()
    assert not arriving.should_continue()


@pytest.mark.parametrize(
    "request_",
    [
        POST,
        POST.replace(b"HTTP/1.1", b"HTTP/1.0")[:-2] + b"Expect: 100-continue\r\n\r\n",
        POST[:-2] + b"Expect: 100-continue\r\n\r\na",
        POST[:-2] + b"X: Expect: 100-continue\r\n\r\n",
    ],
)
def test_no_other_client_is_asked_for_its_body(request_):
    arriving = Arriving()
    arriving.add(request_)

    assert not arriving.should_continue()
