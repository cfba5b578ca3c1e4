"""Event streams from a real web server: who is refused, who is dropped, and that one reader's
slowness is nobody else's.
"""

import contextlib
import time

import pytest

from tests.chaos.few_streams import PER_WORKER, SLOW_READER_S
from tests.chaos.web import ANN, BOB, CLARA, Stream, serving
from tests.waiting import eventually


@pytest.fixture
def web(machine):
    with serving(machine) as web:
        yield web


@pytest.fixture
def stream(web):
    streams = []

    def begin(learner, **how):
        streams.append(Stream(web, learner, **how))
        return streams[-1]

    yield begin
    for opened in streams:
        opened.close()


def test_a_full_worker_refuses_and_says_when_to_come_again(stream):
    streams = [stream(learner).begun() for learner in (ANN, ANN, BOB, BOB)]
    assert len(streams) == PER_WORKER

    refused = stream(CLARA)

    eventually(lambda: "Too many streams" in refused.text)
    assert refused.text.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: 5\r\n" in refused.text
    streams[0].close()
    eventually(lambda: stream(CLARA).is_let_in())


def test_as_many_streams_begin_right_after_as_many_were_closed(stream):
    for _ in range(3):
        streams = [stream(learner) for learner in (ANN, ANN, BOB, BOB)]
        assert all(opened.is_let_in() for opened in streams)
        for opened in streams:
            opened.close()


def test_a_learners_oldest_stream_makes_room_for_a_third(web, stream):
    first, second = stream(ANN).begun(), stream(ANN).begun()

    third = stream(ANN).begun()

    eventually(lambda: '"reason": "elsewhere"' in first.text)
    web.tell(ANN)
    eventually(lambda: "something happened" in second.text and "something happened" in third.text)
    assert "something happened" not in first.text


def test_a_reader_who_takes_nothing_is_dropped_at_the_deadline(web, stream):
    stuck = stream(ANN, reads=False, buffer=2_048)
    time.sleep(0.2)
    began = time.monotonic()
    while time.monotonic() < began + SLOW_READER_S + 3:
        web.tell(ANN, "x" * 60_000)
        time.sleep(0.02)

    stuck.socket.settimeout(5)
    with contextlib.suppress(ConnectionResetError):
        while stuck.socket.recv(
            1 << 20
        ):  # what had been sent before; then it ends, for the server has closed it
            assert time.monotonic() < began + SLOW_READER_S + 6, "it is served still"


def test_all_events_reach_the_others_beside_a_reader_of_a_byte_a_second(web, stream):
    slow, others = (
        stream(ANN, reads=False, buffer=2_048),
        [stream(learner).begun() for learner in (ANN, BOB)],
    )

    for _ in range(60):
        for learner in (ANN, BOB):
            web.tell(learner, "x" * 8_000)
        web.live()
        time.sleep(0.04)
        with contextlib.suppress(OSError):
            slow.socket.settimeout(0.001)
            slow.socket.recv(1)

    eventually(lambda: all(len(other.lags) == 60 for other in others))
