"""A sandbox that says what it likes to the labs host: it is ended, and nobody else notices."""

import contextlib
import json
import os
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labs import wire
from labs.agent.agent import Agent
from labs.client import LabsClient
from labs.errors import LabsError, NotNow, UnknownSandbox
from labs.events import (
    Entry,
    LineReached,
    NoteAdded,
    ReadingTaken,
    ServerChanged,
    SettingChanged,
    encode,
)
from labs.host import budget, connection, supervisor as supervisors
from labs.host.supervisor import SandboxSupervisor
from labs.state import SandboxState
from tests.hosts import emptied_redis, opened, serving
from tests.waiting import eventually


def frame(message):
    """A frame with anything in it, also what no agent of ours would say."""
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def event(happened, seq=1, **changes):
    return frame({"event": encode(Entry(seq, 1.0, happened)) | changes})


def events(several):
    return b"".join(event(happened, seq) for seq, happened in enumerate(several, start=1))


ASKED = 2
"""The number of the call that waits for an answer while a sandbox misbehaves: it was opened by the
first.
"""
HUGE = 10**400
HAPPENED = NoteAdded(text="x")
LONG = {f"name {number}": "x" * 2_000 for number in range(100)}
HOSTILE = {
    "no frame": b"GET / HTTP/1.1\r\n\r\n",
    "a frame over the limit": struct.pack(">I", wire.FRAME_LIMIT + 1),
    "no JSON": struct.pack(">I", 4) + b"\xff\xfe\x00{",
    "JSON without an object": frame([1, 2]),
    "nesting without end": struct.pack(">I", 200_000) + b"[" * 200_000,
    "a failure that is none": frame({"failed": 7}),
    "an error that is none": frame({"id": ASKED, "error": 7}),
    "an answer that is none": frame({"id": ASKED, "reply": 7}),
    "a failure without anything": frame({"failed": None}),
    "no event": event(HAPPENED, type="nonsense"),
    "an event of an unheard type": event(HAPPENED, type=["x"]),
    "an event out of order": event(HAPPENED, seq=7),
    "a number without end": event(HAPPENED, at=HUGE),
    "a number that is none": event(HAPPENED, at=float("nan")),
    "infinity": event(ReadingTaken(readings={"items": 1.0}), readings={"items": float("inf")}),
    "a reading without end": event(ReadingTaken(readings={"items": 1.0}), readings={"items": HUGE}),
    "a value without end": event(
        SettingChanged(name="ttl_s", label="x", value=1, shown="1"), value=HUGE
    ),
    "a text where a number is": event(LineReached(request=1, line=1, last_line=1), line="x"),
    "a dictionary where a text is": event(HAPPENED, text={"a": "b"}),
    "a field more": event(HAPPENED, more=1),
    "too long an event": frame(
        {
            "event": {
                "type": "sandbox-opened",
                "seq": 1,
                "at": 1,
                "lab": "x",
                "isolation": "x",
                "settings": LONG,
                "versions": LONG,
            }
        }
    ),
    "servers without end": events(
        ServerChanged(server=f"server {number}", state="up") for number in range(400)
    ),
    "an outcome of its own making": frame(
        {"outcome": {"id": "1", "kind": "exam", "name": "all", "status": "met", "data": {}}}
    ),
    "an outcome that is none": frame({"outcome": [1]}),
    "too large an outcome": frame(
        {
            "outcome": {
                "id": "1",
                "kind": "check",
                "name": "x",
                "status": "met",
                "data": {"x": "x" * 20_000},
            }
        }
    ),
    "a flood": frame({"id": 0, "reply": {}}) * 1_000,
    "a flood of bytes": frame({"id": 0, "reply": {"x": "x" * 1_000_000}}) * 40,
}
HARMLESS = {
    "a reply to nothing": frame({"id": [1], "reply": {}})
    + frame({"id": {}, "error": {}})
    + frame({"id": HUGE, "reply": {}}),
    "lines of no request": events(
        [LineReached(request=1, line=line, last_line=line) for line in (1, 2, 3)]
    ),
    "the same failure twice": frame(
        {"failed": {"kind": ["x"], "message": 7}, "detail": "\n2026 ERROR labs forged\x1b[31m"}
    )
    * 2,
}


class Taken:
    """An agent that was taken over: it opens as ever; what is handed to `say` goes out on the wire
    as it is.
    """

    def __init__(self, sock):
        self.sock = sock

    def serve(self):
        unpacker = wire.Unpacker()
        while (messages := wire.receive(self.sock, unpacker)) is not None:
            for message in messages:
                if message["call"] in ("open", "close"):
                    self.sock.sendall(wire.pack({"id": message["id"], "reply": {}}))

    def say(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # it was ended while it spoke


@pytest.fixture
def taken(tmp_path, monkeypatch):
    """A supervisor with a good sandbox, and one that was taken over: (supervisor, good, the other,
    its agent, why it ended).
    """
    agents, gone = [], []
    supervisor = SandboxSupervisor(tmp_path, isolation="fake")
    good = supervisor.open("cache-aside", {})

    def run(sock, place):
        with sock:
            agents.append(Taken(sock))
            agents[-1].serve()

    monkeypatch.setattr(supervisors, "run_fake", run)
    state = SandboxState()
    hostile = supervisor.open("cache-aside", {}, on_event=state.apply, on_gone=gone.append)

    def ask():
        with contextlib.suppress(LabsError):
            supervisor.call(hostile, "set", name="ttl_s", value=5, deadline_s=3.0)

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: ASKED in supervisor.process(hostile).connection.waiting)
    yield supervisor, good, hostile, agents[0], gone
    supervisor.close()
    asking.join()


@pytest.mark.parametrize(
    "said", [pytest.param(data, id=name.replace(" ", "-")) for name, data in HOSTILE.items()]
)
def test_a_sandbox_that_misbehaves_is_ended_and_its_neighbour_lives(taken, said):
    supervisor, good, hostile, agent, gone = taken

    agent.say(said)

    eventually(lambda: gone)
    assert "misbehaved" in gone[0]
    with pytest.raises(UnknownSandbox):
        supervisor.call(hostile, "set", name="ttl_s", value=5)
    assert supervisor.call(good, "set", name="ttl_s", value=5) == {}


@pytest.mark.parametrize(
    "said", [pytest.param(data, id=name.replace(" ", "-")) for name, data in HARMLESS.items()]
)
def test_nonsense_that_changes_nothing_stops_nobody(taken, said):
    supervisor, good, _, agent, _ = taken

    agent.say(said)

    for value in (5, 6):
        assert supervisor.call(good, "set", name="ttl_s", value=value) == {}


def test_what_we_did_not_foresee_ends_the_sandbox_that_said_it_and_no_other(tmp_path, monkeypatch):
    """The thread that hears a sandbox hears all of them."""
    agents, gone = [], []
    with contextlib.closing(SandboxSupervisor(tmp_path, isolation="fake")) as supervisor:
        good = supervisor.open("cache-aside", {})

        def run(sock, _):
            with sock:
                agents.append(Taken(sock))
                agents[-1].serve()

        def fail(_):
            raise ZeroDivisionError

        monkeypatch.setattr(supervisors, "run_fake", run)
        supervisor.open("cache-aside", {}, on_event=fail, on_gone=gone.append)
        agents[0].say(event(HAPPENED))

        eventually(lambda: gone)
        assert supervisor.call(good, "set", name="ttl_s", value=5) == {}


def test_a_sandbox_s_words_can_not_pass_for_the_host_s_in_its_log(taken, caplog):
    supervisor, good, _, agent, _ = taken

    agent.say(frame({"log": "x\n2026-01-01 00:00:00 ERROR labs.host all is lost\x1b[2J"}) * 100)
    eventually(lambda: "all is lost" in caplog.text)
    supervisor.call(good, "set", name="ttl_s", value=9)

    assert "\n  | 2026-01-01" in caplog.text
    assert "\x1b" not in caplog.text
    assert caplog.text.count("all is lost") <= 50


def test_outcomes_do_not_come_without_end(taken, monkeypatch):
    supervisor, good, _, agent, gone = taken
    monkeypatch.setattr(connection, "OUTCOMES", 100)

    for number in range(101):
        assert not gone
        agent.say(
            frame(
                {
                    "outcome": {
                        "id": str(number),
                        "kind": "check",
                        "name": "x",
                        "status": "met",
                        "data": {},
                    }
                }
            )
        )

    eventually(lambda: gone)
    assert supervisor.call(good, "set", name="ttl_s", value=5) == {}


class Deaf(Agent):
    """An agent whose console does not answer before the test is over."""

    over = threading.Event()

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self._own_calls["console"] = lambda _: {"over": self.over.wait(30)}


@pytest.fixture
def redis(embedded_redis):
    with emptied_redis(embedded_redis.url, timeout_s=15) as client:
        yield client


@pytest.fixture
def hosted(redis, server_folder):
    """start(isolation, limits...): a labs host and its client."""
    directory = server_folder / "host"
    with contextlib.ExitStack() as hosts:
        yield lambda **how: hosts.enter_context(serving(redis, directory, **how))


def test_one_sandbox_s_calls_are_bounded_in_number(hosted):
    _, client = hosted()
    sandbox = opened(client, "somebody")

    def often():
        for number in range(2_000):
            client.call(sandbox, "set", name="ttl_s", value=5 + number % 2)

    with pytest.raises(NotNow):
        often()


def test_what_a_hanging_sandbox_is_asked_keeps_no_neighbour_waiting(hosted, monkeypatch):
    _, client = hosted(room=20)
    monkeypatch.setattr("labs.agent.fake_mode.Agent", Deaf)
    hanging = [opened(client, f"attacker {number}") for number in range(5)]
    neighbour = opened(client, "neighbour")
    errors = []

    def ask(number):
        try:
            LabsClient(client.redis).call(
                hanging[number % 5],
                "console",
                server="cache",
                command="PING",
                deadline_s=20.0,
            )
        except LabsError as exc:
            errors.append(type(exc))

    with ThreadPoolExecutor(60) as pool:
        for number in range(60):
            pool.submit(ask, number)
        eventually(lambda: errors.count(NotNow) == 60 - 5 * 6)
        # The others wait until this has been answered.
        client.call(neighbour, "set", name="ttl_s", value=7)
        Deaf.over.set()


def test_a_sandbox_that_fills_the_disk_is_ended(hosted):
    _, client = hosted(isolation="auto", disk_mb=96)
    sandbox = opened(client, "somebody")

    def fill():
        for number in range(6):
            client.call(
                sandbox,
                "console",
                server="database",
                command=f"CREATE TABLE big_{number} AS SELECT repeat(md5(n::text), 50) AS a, n "
                "FROM generate_series(1, 12000) n",
            )

    try:
        fill()
    except LabsError:
        pass  # it was ended meanwhile

    eventually(lambda: client.info(sandbox).status == "closed")
    assert "disk" in client.info(sandbox).reason


def test_files_without_end_count_as_bytes_without_end(hosted, monkeypatch):
    host, client = hosted()
    sandbox = opened(client, "somebody")
    monkeypatch.setattr(budget, "FILES", 10)
    folder = host.supervisor.process(sandbox).directory
    for number in range(11):
        (folder / str(number)).touch()

    assert host.supervisor.disk(sandbox) > 2**60


def test_a_link_out_of_a_sandbox_s_folder_is_not_followed(hosted):
    host, client = hosted()
    sandbox = opened(client, "somebody")
    os.symlink("/usr", host.supervisor.process(sandbox).directory / "elsewhere")

    assert host.supervisor.disk(sandbox) < 10**6
