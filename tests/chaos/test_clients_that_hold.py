"""Clients that do not send, do not read and do not close: no page waits for them.

Most tests have a server that waits for a client longer than the test does: a page that is answered
there has waited for none of them.
"""

import contextlib
import re
import socket

import psutil
import pytest

from tests.chaos.conftest import a_machine
from tests.chaos.web import ANN, BOB, Client, Stream, cookie_of, serving
from tests.waiting import eventually

PAGE = "/lessons/redis-high-availability"
HOST = "Host: localhost\r\n"
CLOSE = "Connection: close\r\n"
OURS = "Sec-Fetch-Site: same-origin\r\n"
HALF = {
    "nothing": "",
    "half a line": "GET / HT",
    "half a head": f"GET / HTTP/1.1\r\n{HOST}X: y",
    "half a body": f"POST /labs HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nabc",
    "half a form": f"POST /lessons/why-a-cache/read HTTP/1.1\r\n{HOST}{OURS}"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na=1",
    "half a chunk": f"POST /labs HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n64\r\nabc",
    "a body that waits": f"POST /labs HTTP/1.1\r\n{HOST}Expect: 100-continue\r\n"
    "Content-Length: 100\r\n\r\n",
}


@pytest.fixture(scope="module")
def redis():
    """A portal Redis, for all servers of these tests."""
    with a_machine() as machine:
        yield machine


@pytest.fixture(scope="module")
def patient(redis):
    """A server that has four threads and all the time in the world."""
    with serving(redis, "--threads", "4", worker="Patient") as web:
        yield web


@pytest.fixture(scope="module")
def quick(redis):
    """A server that waits a second for a client."""
    with serving(redis, "--threads", "4") as web:
        yield web


@pytest.fixture
def connect():
    """Connections that stay open until the test is over."""
    with contextlib.ExitStack() as opened:

        def one(web, sent="", **how):
            client = Client(web, sent, **how)
            opened.callback(client.socket.close)
            return client

        yield one


def is_answered(web):
    """True if a whole page is answered; the connection is closed by both."""
    client = Client(web, f"GET {PAGE} HTTP/1.1\r\n{HOST}{CLOSE}\r\n")
    answer = client.read()
    client.socket.close()
    return answer.startswith("HTTP/1.1 200 ") and answer.rstrip().endswith("</html>")


@pytest.mark.parametrize("count", [20, 60, 200])
def test_a_page_does_not_wait_for_clients_that_never_close(patient, connect, count):
    worker = patient.worker

    held = [connect(patient, f"GET /healthz HTTP/1.1\r\n{HOST}{CLOSE}\r\n") for _ in range(count)]
    for client in held:
        assert client.read().startswith("HTTP/1.1 200 ")

    assert is_answered(patient)
    eventually(lambda: patient.connections(psutil.CONN_FIN_WAIT2) == count)
    assert patient.worker == worker


@pytest.mark.parametrize("half", HALF)
def test_a_page_does_not_wait_for_requests_that_are_not_whole(patient, connect, half):
    worker = patient.worker

    for _ in range(60):
        connect(patient, HALF[half])

    assert is_answered(patient)
    eventually(lambda: patient.connections(psutil.CONN_ESTABLISHED) == 60)
    assert patient.worker == worker


def test_six_hundred_posts_that_are_not_whole_take_no_thread(patient, connect):
    for _ in range(600):
        connect(patient, HALF["half a form"])

    assert is_answered(patient)
    eventually(lambda: patient.connections(psutil.CONN_ESTABLISHED) == 600)


def test_a_page_does_not_wait_for_clients_that_read_nothing(patient, connect):
    request = f"GET {PAGE} HTTP/1.1\r\n{HOST}\r\n"

    for _ in range(60):
        connect(patient, request, receive_buffer=2_048)

    assert is_answered(patient)


def test_more_than_fits_on_the_way_is_cut_off_at_the_deadline(quick, connect):
    """Each of these holds one of the four threads."""
    many = f"GET {PAGE} HTTP/1.1\r\n{HOST}\r\n" * 50
    clients = [connect(quick, many, receive_buffer=2_048) for _ in range(4)]

    eventually(lambda: quick.connections(psutil.CONN_ESTABLISHED) == 0)
    assert is_answered(quick)
    for client in clients:
        with pytest.raises(ConnectionResetError):
            client.read()


@pytest.mark.parametrize("half", HALF)
def test_what_is_not_whole_at_the_deadline_is_answered_and_closed(quick, connect, half):
    client = connect(quick, HALF[half])

    answer = client.read()

    if half == "nothing":
        assert answer == ""
        return
    answer = answer.removeprefix("HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.startswith("HTTP/1.1 408 ")
    assert "\r\nConnection: close\r\n" in answer
    assert "did not arrive in time" in answer


def test_the_deadline_is_for_the_whole_request(quick, connect):
    client = connect(quick, HALF["half a body"])
    client.socket.settimeout(0.05)

    def answer():
        with contextlib.suppress(TimeoutError):
            return client.socket.recv(1_000)
        client.send("x")
        return b""

    assert eventually(answer).startswith(b"HTTP/1.1 408 ")


def test_a_kept_connection_has_the_same_deadline_for_its_next_request(quick, connect):
    client = connect(quick, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n")
    assert "Connection: keep-alive" in client.read_one()[0]

    client.send(HALF["half a head"])

    assert client.read().startswith("HTTP/1.1 408 ")


def test_a_kept_connection_that_the_client_half_closes_is_closed(patient, connect):
    client = connect(patient, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n")
    client.read_one()

    client.socket.shutdown(socket.SHUT_WR)

    assert client.read() == ""


def test_a_client_that_half_closes_after_its_request_gets_the_answer(patient, connect):
    client = connect(patient, f"GET {PAGE} HTTP/1.1\r\n{HOST}\r\n")
    client.socket.shutdown(socket.SHUT_WR)

    assert client.read().rstrip().endswith("</html>")


def test_a_request_whose_end_was_cut_off_is_not_taken_for_a_whole_one(patient, connect):
    client = connect(patient, f"GET /healthz HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\nvalue=1")
    client.socket.shutdown(socket.SHUT_WR)

    assert client.read() == ""


def test_a_connection_that_lingers_is_closed_at_the_deadline(quick, connect):
    clients = [connect(quick, f"GET /healthz HTTP/1.1\r\n{HOST}{CLOSE}\r\n") for _ in range(20)]
    for client in clients:
        client.read()

    eventually(lambda: quick.connections(psutil.CONN_FIN_WAIT2) == 0)


def test_what_is_passed_over_is_not_held(redis, connect):
    """An empty line before a request is thrown away; here 1,000 bytes may be held."""
    get = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
    with serving(redis, worker="Small") as web:
        worker, client = web.worker, connect(web)
        for _ in range(300):
            client.send(f"\r\n{get}\r\n")
            client.read_one()

        client.send(get[:-2])
        assert is_answered(web)
        client.send(get[-2:])

        assert client.read_one()[0].startswith("HTTP/1.1 200 ")
        assert web.worker == worker


def test_many_requests_may_be_sent_at_once(patient, connect):
    get, post = f"GET /healthz HTTP/1.1\r\n{HOST}", f"POST /labs HTTP/1.1\r\n{HOST}"
    chunked = f"{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client = connect(
        patient, f"{get}\r\n{post}Content-Length: 3\r\n\r\nabc{chunked}{get}{CLOSE}\r\n"
    )

    assert re.findall(r"HTTP/1.1 (\d+)", client.read()) == ["200", "403", "403", "200"]


def test_a_client_that_waits_to_send_its_body_is_asked_for_it(patient, connect):
    client = connect(patient, HALF["a body that waits"])

    assert client.some() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send("x" * 100)

    assert client.read_one()[0].startswith("HTTP/1.1 403 ")


def test_a_client_is_not_asked_for_a_body_that_is_too_long(patient, connect):
    head = HALF["a body that waits"].replace(": 100\r\n", ": 10000000\r\n")

    assert connect(patient, head).read().startswith("HTTP/1.1 403 ")


BEFORE_THE_BODY = {
    "413": ("POST", "/labs/cache-aside/sandbox", OURS, 413),
    "from another site": ("POST", "/labs/cache-aside/sandbox", "", 403),
    "no such page": ("GET", "/nothing", "", 404),
    "no such method": ("POST", "/healthz", OURS, 405),
    "no database": ("POST", "/lessons/why-a-cache/read", OURS + cookie_of(ANN), 503),
    "a page": ("GET", PAGE, "", 200),
}
"""Answers that do not need the body: by name the method, path, headers and status."""


@pytest.mark.parametrize("name", BEFORE_THE_BODY)
def test_who_still_sends_can_read_the_answer_and_that_the_connection_closes(patient, connect, name):
    method, path, headers, status = BEFORE_THE_BODY[name]
    size = 8_000_000
    client = connect(
        patient,
        f"{method} {path} HTTP/1.1\r\n{HOST}{headers}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {size}\r\n\r\n",
    )

    for _ in range(size // 100_000):
        client.send("x" * 100_000)
    head, body = client.read_one()

    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nConnection: close" in head
    assert body.rstrip().endswith("</html>")
    assert client.read() == ""


@pytest.mark.parametrize("name", [name for name in BEFORE_THE_BODY if name != "413"])
def test_a_body_that_is_not_wanted_but_has_come_costs_no_connection(patient, connect, name):
    method, path, headers, status = BEFORE_THE_BODY[name]
    body = "x" * 200_000
    client = connect(
        patient,
        f"{method} {path} HTTP/1.1\r\n{HOST}{headers}Content-Length: {len(body)}\r\n\r\n{body}",
    )
    head, _ = client.read_one()
    assert head.startswith(f"HTTP/1.1 {status} ") and "Connection: keep-alive" in head

    client.send(f"GET /healthz HTTP/1.1\r\n{HOST}\r\n")

    assert client.read_one()[0].startswith("HTTP/1.1 200 ")


def test_a_page_that_no_thread_is_free_for_is_refused(quick, connect):
    with_four = [Stream(quick, learner) for learner in (ANN, ANN, BOB, BOB)]
    try:
        for stream in with_four:
            stream.begun()

        refused = connect(quick, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n").read()

        assert refused.startswith("HTTP/1.1 503 ") and "\r\nRetry-After: 5\r\n" in refused
    finally:
        for stream in with_four:
            stream.close()
    eventually(lambda: is_answered(quick))


@pytest.fixture
def small(redis):
    """A patient server for six connections: five, and room for a new one. Streams may take four, as
    many as there are threads.
    """
    options = ("--threads", "4", "--worker-connections", "6", "--keep-alive", "600")
    with serving(redis, *options, worker="Patient") as web:
        yield web


def test_a_full_worker_drops_what_has_been_arriving_longest(small, connect):
    held = [connect(small, HALF["half a form"]) for _ in range(40)]

    assert is_answered(small)
    assert held[0].read().startswith("HTTP/1.1 408 ")


def test_a_full_worker_keeps_a_connection_that_was_used_just_now(small, connect):
    asks = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
    held = [connect(small, HALF["half a form"]) for _ in range(3)]
    eventually(lambda: small.connections(psutil.CONN_ESTABLISHED) == 3)
    visitor = connect(small, asks)
    assert visitor.read_one()[0].startswith("HTTP/1.1 200 ")

    held += [connect(small, HALF["half a form"]) for _ in range(4)]

    for dropped in held[:3]:
        assert dropped.read().startswith("HTTP/1.1 408 ")
    visitor.send(asks)
    assert visitor.read_one()[0].startswith("HTTP/1.1 200 ")


def test_a_full_worker_drops_an_idle_connection_before_one_that_began_after_it(small, connect):
    visitor = connect(small, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n")
    assert visitor.read_one()[0].startswith("HTTP/1.1 200 ")

    # The worker calls it idle a moment after the answer has come: the first forms may be older.
    def one_more_form() -> bool:
        forms.append(connect(small, HALF["half a form"]))
        return bool(visitor.is_closed())

    forms: list[Client] = []
    eventually(one_more_form)

    assert visitor.read() == ""
    assert not forms[-1].is_closed()
    eventually(lambda: small.connections(psutil.CONN_ESTABLISHED) == 5)


def test_a_worker_full_of_streams_refuses_and_lives(small, connect):
    worker = small.worker
    streams = [Stream(small, learner) for learner in (ANN, ANN, BOB, BOB)]
    try:
        for stream in streams:
            stream.begun()

        for _ in range(2):
            connect(small, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n")
        eventually(lambda: small.connections(psutil.CONN_ESTABLISHED) == 6)
        refused = [connect(small, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n") for _ in range(20)]

        for client in refused:
            assert client.read().startswith("HTTP/1.1 503 ")
        assert small.worker == worker
    finally:
        for stream in streams:
            stream.close()
    eventually(lambda: is_answered(small))
