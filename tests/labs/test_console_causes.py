"""Why a console has no answer, or an error: on real servers, one sentence for each cause."""

import os
import secrets
import signal
import socket
import threading

import pytest

from labs.clients.access import OPEN, Access
from labs.clients.address import Address, straight
from labs.clients.resp import RespClient
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.sandbox.redis_cli.console import RedisConsole
from tests.waiting import eventually

PASSWORD = "the sandbox's own"
NOWHERE = "127.0.0.1 9"


@pytest.fixture
def start(rack):
    """Starts a Redis by name with these options; closes it."""

    def start(name="cache", *, spawn=False, **options):
        folder = rack.directory / name
        folder.mkdir(exist_ok=True)
        rack.own(folder)
        engine = Redis(name, rack.address(), folder, PASSWORD, **options)
        engines.append(engine)
        (rack.spawn if spawn else rack.start)(engine)
        return engine

    engines = []
    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def console_of():
    """A console onto a server."""

    def console_of(engine):
        consoles.append(RedisConsole(engine.address, engine.access("learner")))
        return consoles[-1]

    consoles = []
    yield console_of
    for console in consoles:
        console.close()


@pytest.fixture
def posted():
    """Sends a command on a connection of its own, and waits for nothing."""

    def posted(engine, *words, access=None):
        client = RespClient(straight(engine.address), access or engine.access("learner"))
        clients.append(client)
        client.connect()
        client.post(*words)

    clients = []
    yield posted
    for client in clients:
        client.close()


def why(console, line="GET a"):
    """The sentence and the hint of a command that has no answer."""
    with pytest.raises(ServerDown) as caught:
        console.run(line)
    return f"{caught.value} {caught.value.hint}"


def test_a_server_that_is_down(rack, start, console_of):
    engine = start()
    console = console_of(engine)
    console.run("PING")
    rack.kill(engine)

    assert "The server is down: its port refuses the connection. Restart it." in why(console)


def test_a_server_that_is_paused(rack, start, console_of):
    engine = start()
    console = console_of(engine)
    console.run("PING")
    os.kill(rack.processes["cache"].pid, signal.SIGSTOP)

    with_a_connection, with_a_new_one = why(console, "SET a 1"), why(console)

    for sentence in (with_a_connection, with_a_new_one):
        assert "accepts connections and answers none: it is paused" in sentence
    assert "The server may still run SET." in with_a_connection


def test_a_server_that_no_packet_reaches(console_of):
    """The kernel drops what comes to a listener whose queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = Address(*listener.getsockname())
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        console = RedisConsole(address, OPEN)
        try:
            assert "can't be reached: no answer came even to the connection" in why(console)
        finally:
            for one in waiting:
                one.close()


def test_a_server_that_speaks_another_protocol():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        console = RedisConsole(Address(*listener.getsockname()), OPEN)

        def answer():
            with listener.accept()[0] as peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            assert "can't read the server's answers" in why(console)
        finally:
            answering.join()
            console.close()


def test_a_command_that_takes_longer_than_the_console_waits(start, console_of):
    engine = start()
    console = console_of(engine)
    engine.run("CLIENT", "PAUSE", 60_000, "WRITE")

    sentence = why(console, "SET a 1")

    assert "SET took longer than the 2 s that this console waits" in sentence
    assert "The server is up and answers others." in sentence


def test_a_script_that_keeps_the_server_busy(start, console_of, posted):
    engine = start(scripts=True)
    console = console_of(engine)
    posted(engine, "EVAL", "while true do end", 0)

    answer = eventually(lambda: (found := console.run("GET a")).failed and found)

    assert answer.output.startswith("(error) BUSY Redis is busy running a script.")
    assert "answers nothing else until it ends" in answer.notice
    killed = console.run("SCRIPT KILL")
    assert (killed.output, killed.notice) == ("OK", "")


def test_a_script_that_has_written_can_t_be_killed(start, console_of, posted):
    engine = start(scripts=True)
    console = console_of(engine)
    posted(engine, "EVAL", "redis.call('set', KEYS[1], 1) while true do end", 1, "a")
    eventually(lambda: console.run("GET a").failed)

    answer = console.run("SCRIPT KILL")

    assert answer.output.startswith("(error) UNKILLABLE")
    assert "The sandbox restarts the server." in answer.notice


def test_a_server_that_was_restarted_under_a_command(rack, start, console_of):
    engine = start()
    console = console_of(engine)
    sentences = []
    waiting = threading.Thread(target=lambda: sentences.append(why(console, "BLPOP q 5")))
    waiting.start()
    eventually(lambda: engine.info("clients")["blocked_clients"] == "1")
    rack.kill(engine)
    waiting.join()

    assert "The server is down" in sentences[0] or "was started again" in sentences[0]


def test_an_answer_that_is_too_large_for_the_server_to_hold(start, console_of):
    console = console_of(start(scripts=True, maxmemory_mb=256))

    sentence = why(
        console,
        "EVAL \"local t = {} for i = 1, 5 do t[i] = string.rep('x', 8000000) end return t\" 0",
    )

    assert "The server closed this console's connection while EVAL ran. It is up." in sentence
    assert "client-output-buffer-limit" in sentence
    assert console.run("PING").output == "PONG"


def test_a_login_that_is_refused(start, console_of):
    engine = start()
    engine.run("ACL", "SETUSER", "learner", "resetpass", ">another")

    assert "did not let this console in: WRONGPASS" in why(console_of(engine))


def test_more_clients_than_the_server_allows(start, console_of, posted):
    engine = start(directives={"maxclients": "2"})
    posted(engine, "PING")

    assert "did not let this console in: ERR max number of clients reached" in why(
        console_of(engine)
    )


def test_a_server_that_still_loads(rack, start, console_of):
    slow = {"key-load-delay": "10000", "loading-process-events-interval-bytes": "1024"}
    engine = start(directives={"save": ""}, maxmemory_policy="noeviction")
    engine.run_all([("SET", f"key{n}", secrets.token_hex(50)) for n in range(1_000)])
    engine.run("SAVE")
    rack.kill(engine)
    engine = start(spawn=True, directives=slow, maxmemory_policy="noeviction")
    console = console_of(engine)

    def error():
        try:
            return console.run("GET a")
        except ServerDown:
            return None

    answer = eventually(error)

    assert answer.output.startswith("(error) LOADING")
    assert "Try again in a moment." in answer.notice


WRITE, READ = "SET a 1", "GET a"
REPLICA = {"replicaof": NOWHERE}


@pytest.mark.parametrize(
    ("line", "error", "means", "options"),
    [
        (WRITE, "READONLY", "it takes writes from its primary alone", {"directives": REPLICA}),
        (
            READ,
            "MASTERDOWN",
            "lost its primary",
            {"directives": {**REPLICA, "replica-serve-stale-data": "no"}},
        ),
        (WRITE, "NOREPLICAS", "fewer replicas", {"directives": {"min-replicas-to-write": "1"}}),
        ("EVAL 'return 1' 0", "NOPERM", "access rules (ACL)", {}),
        ("ACL LIST", "NOPERM", "access rules (ACL)", {"scripts": True}),
        (READ, "CLUSTERDOWN", "no node", {"directives": {"cluster-enabled": "yes"}}),
    ],
)
def test_an_error_of_a_server_s_settings_is_explained(
    start, console_of, line, error, means, options
):
    answer = console_of(start(**options)).run(line)

    assert answer.output.startswith(f"(error) {error} ")
    assert means in answer.notice


def test_a_server_that_can_t_save_refuses_writes(rack, start, console_of):
    engine = start(directives={"save": "3600 1"})
    engine.directory.chmod(0o500)
    try:
        engine.run("BGSAVE")
        eventually(lambda: engine.info("persistence")["rdb_last_bgsave_status"] == "err")
        answer = console_of(engine).run(WRITE)
    finally:
        engine.directory.chmod(0o700)

    assert answer.output.startswith("(error) MISCONF")
    assert "stop-writes-on-bgsave-error" in answer.notice


def test_a_server_without_room_says_which_setting_decides(start, console_of):
    console = console_of(start(maxmemory_mb=3, maxmemory_policy="noeviction"))
    console.run("SETRANGE big 4000000 x")

    answer = console.run(WRITE)

    assert answer.output.startswith("(error) OOM")
    assert "eviction policy" in answer.notice


def test_a_console_that_gave_no_password(start):
    console = RedisConsole(start().address, Access())

    answer = console.run(READ)
    console.close()

    assert answer.output.startswith("(error) NOAUTH")
    assert "requires a user and a password" in answer.notice


def test_a_key_of_another_node_of_a_cluster(start, console_of):
    one, two = (start(name, directives={"cluster-enabled": "yes"}) for name in ("one", "two"))
    two.run("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
    one.run("CLUSTER", "MEET", two.address.host, two.address.port)
    console = console_of(one)

    answer = eventually(
        lambda: (found := console.run(READ)).output.startswith("(error) MOVED") and found
    )

    assert "this console stays at its own server" in answer.notice
    assert "must be in one slot" in console_of(two).run("MGET a b").notice


def test_a_transaction_with_a_command_that_was_refused(start, console_of):
    console = console_of(start())
    for line in ("MULTI", "NOSUCH"):
        console.run(line)

    assert "it ran none of the transaction" in console.run("EXEC").notice


def test_an_error_that_says_it_all_has_no_notice(start, console_of):
    console = console_of(start())
    console.run("SET a x")

    assert (console.run("INCR a").failed, console.run("INCR a").notice) == (True, "")
