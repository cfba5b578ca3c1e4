"""A loss of power, with real processes: their syncs are told by the kernel, and what they did not
sync is gone. As this user, in a process, and in a cage.
"""

import os
import signal
import struct
import sys
import threading
import time
from functools import partial
from multiprocessing import Pipe

import psutil
import pytest

from labs.catalogue import find
from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.redis import Redis
from labs.errors import NotNow, ServerDown
from labs.headless import own_supervisor
from labs.load import loop
from labs.load.commits import Commits
from labs.load.controller import LoadController
from labs.network.links import Route
from labs.runtime import fsync_listener, fsync_tracer
from labs.runtime.disk import Disk
from labs.runtime.launch import Launch
from labs.runtime.process import ProcessRuntime
from labs.setups.journal.workload import NumbersSpec, Written
from tests.sandboxes import Opened, lives
from tests.waiting import eventually

WRITER = """\
import os, pathlib, time
log = os.open("data/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
os.write(log, b"synced ")
os.fsync(log)
os.write(log, b"lost")
never = os.open("data/never", os.O_CREAT | os.O_WRONLY, 0o600)
os.write(never, b"lost")
for name, durable in (("renamed", False), ("kept", True)):
    part = os.open("data/part", os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(part, name.encode())
    os.fdatasync(part)
    os.rename("data/part", "data/" + name)
    if durable:
        os.fsync(os.open("data", os.O_RDONLY))
print("done", flush=True)
time.sleep(600)
"""


@pytest.fixture
def runtime():
    made = ProcessRuntime(slot=240)
    yield made
    made.close()


def start(runtime, directory, program):
    (directory / "output").unlink(missing_ok=True)
    (directory / "program.py").write_text(program)
    running = runtime.start(
        Launch(
            argv=(sys.executable, "-I", "-S", str(directory / "program.py")),
            ready=lambda _: None,
            data=directory / "data",
        ),
        directory / "output",
    )
    eventually(lambda: "done" in running.log_tail() or running.poll() is not None, 10.0)
    assert running.poll() is None, running.log_tail()
    return running


def left(directory):
    return {path.name: path.read_text() for path in (directory / "data").iterdir()}


def test_a_plain_program_keeps_what_it_synced(runtime, tmp_path):
    running = start(runtime, tmp_path, WRITER)
    running.cut_power()

    assert running.poll() is not None
    # Of what was never synced the name alone is there: its folder was synced later.
    assert left(tmp_path) == {"log": "synced ", "renamed": "renamed", "kept": "kept", "never": ""}
    assert running.disk.syncs == 4


def test_without_the_folders_sync_a_rename_is_undone(runtime, tmp_path):
    running = start(runtime, tmp_path, WRITER.replace('("kept", True)', '("kept", False)'))
    running.cut_power()

    assert left(tmp_path) == {"log": "synced ", "part": "kept"}


def test_a_killed_program_loses_nothing_until_the_power_goes_too(runtime, tmp_path):
    running = start(runtime, tmp_path, WRITER)
    running.kill()
    assert left(tmp_path)["log"] == "synced lost"

    running.cut_power()
    assert left(tmp_path)["log"] == "synced "


def test_syncs_of_a_child_and_of_threads_are_noted(runtime, tmp_path):
    running = start(
        runtime,
        tmp_path,
        """\
import os, threading, time
def save(name):
    file = os.open("data/" + name, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(file, b"x")
    os.fsync(file)
threads = [threading.Thread(target=save, args=(f"thread-{n}",)) for n in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
if os.fork() == 0:
    save("child")
    print("done", flush=True)
    time.sleep(600)
time.sleep(600)
""",
    )
    running.cut_power()

    assert set(left(tmp_path)) == {"child", *(f"thread-{number}" for number in range(2))}


def test_nobody_listens_any_more_when_it_is_dead(runtime, tmp_path):
    running = start(runtime, tmp_path, WRITER)
    running.kill()

    eventually(lambda: not any(thread.name == "fsync-listener" for thread in threading.enumerate()))


def test_where_the_kernel_refuses_the_program_runs_and_the_power_cut_says_why(
    runtime, tmp_path, monkeypatch
):
    """A second listener is refused by the kernel: the program lays one over itself first, then is
    started with ours.
    """
    monkeypatch.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "launcher.py")
    (tmp_path / "launcher.py").write_text(
        fsync_tracer.__loader__.get_source("labs.runtime.fsync_tracer").replace(
            "    hand_back =", "    trace_self()\n    hand_back =", 1
        )
    )
    running = start(runtime, tmp_path, "import time\nprint('done', flush=True)\ntime.sleep(600)\n")

    with pytest.raises(NotNow, match="does not tell when a server syncs"):
        running.cut_power()
    assert running.poll() is None


def test_a_launcher_that_hangs_is_ended_and_the_server_starts_without_it(
    runtime, tmp_path, monkeypatch
):
    monkeypatch.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "launcher.py")
    monkeypatch.setattr("labs.runtime.fsync_listener.HANDED_BACK_S", 0.3)
    (tmp_path / "launcher.py").write_text("import time\ntime.sleep(600)\n")
    running = start(runtime, tmp_path, WRITER)

    assert left(tmp_path)["log"] == "synced lost"
    assert running.disk.problem
    with pytest.raises(NotNow, match="does not tell when a server syncs"):
        running.cut_power()
    assert [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path / "launcher.py") in (process.info["cmdline"] or [])
    ] == []


def test_what_was_synced_while_nobody_noted_it_is_not_cut_later(runtime, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "launcher.py")
        patched.setattr("labs.runtime.fsync_listener.HANDED_BACK_S", 0.3)
        (tmp_path / "launcher.py").write_text("import time\ntime.sleep(600)\n")
        start(runtime, tmp_path, WRITER).kill()
    running = start(runtime, tmp_path, "import time\nprint('done', flush=True)\ntime.sleep(600)\n")

    with pytest.raises(NotNow):
        running.cut_power()
    running.kill()
    running.disk.clear()
    running = start(runtime, tmp_path, WRITER)
    running.cut_power()
    assert left(tmp_path)["log"] == "synced "


def test_a_sync_that_could_not_be_noted_forbids_a_power_cut_in_words(
    runtime, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "labs.runtime.fsync_listener.os.readlink",
        lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")),
    )
    running = start(runtime, tmp_path, WRITER)

    with pytest.raises(NotNow, match="could not be noted"):
        running.cut_power()
    assert running.poll() is None
    assert left(tmp_path)["log"] == "synced lost"


@pytest.mark.parametrize(
    "refusal", [PermissionError(13, "Permission denied"), ProcessLookupError(3, "No such process")]
)
def test_a_call_of_a_process_that_is_being_killed_is_no_problem(
    runtime, tmp_path, monkeypatch, refusal
):
    """Its descriptors may not be read any more, and its notification is gone: the call will not be
    made.
    """

    def refuse(_path):
        os.kill(running.pid, signal.SIGKILL)
        eventually(lambda: running.poll() is not None)
        raise refusal

    running = start(
        runtime,
        tmp_path,
        "import os, time\nlog = os.open('data/log', os.O_CREAT | os.O_WRONLY, "
        "0o600)\nprint('done', flush=True)\ntime.sleep(0.3)\nos.fsync(log)\ntime.sleep(600)\n",
    )
    monkeypatch.setattr("labs.runtime.fsync_listener.os.readlink", refuse)
    eventually(lambda: running.poll() is not None)
    eventually(lambda: not any(thread.name == "fsync-listener" for thread in threading.enumerate()))

    assert running.disk.problem == ""


def test_a_power_cut_after_a_crash_signals_no_group_whose_number_may_be_anothers(
    runtime, tmp_path, monkeypatch
):
    signalled = []
    monkeypatch.setattr("labs.runtime.process.os.killpg", lambda *args: signalled.append(args))
    running = start(runtime, tmp_path, WRITER)
    running.kill()

    running.cut_power()
    running.cut_power()

    assert signalled == []


def test_a_child_that_a_crash_left_behind_ends_when_the_power_goes(runtime, tmp_path):
    running = start(
        runtime,
        tmp_path,
        """\
import os, time
if os.fork() == 0:
    print(os.getpid(), "done", sep="\\n", flush=True)
time.sleep(600)
""",
    )
    child = psutil.Process(int(running.log_tail()[0]))
    running.kill()
    assert lives(child)

    running.cut_power()

    eventually(lambda: not lives(child))


def test_whoever_hears_the_syncs_ends_with_the_server_even_if_the_kernel_does_not_say(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("labs.runtime.fsync_listener.CHECK_EVERY_S", 0.02)
    read_end, write_end = os.pipe()
    living = threading.Event()
    living.set()
    hearing = threading.Thread(
        target=fsync_listener._answer_all,
        args=(read_end, Disk(tmp_path / "data", tmp_path / "data-synced"), living.is_set),
        daemon=True,
    )
    hearing.start()
    time.sleep(0.1)
    assert hearing.is_alive()

    living.clear()

    hearing.join(2.0)
    assert not hearing.is_alive()
    os.close(write_end)


def test_a_kernel_that_cannot_let_a_call_go_on_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("labs.runtime.fsync_tracer.LEAST_KERNEL", (99, 0))

    with pytest.raises(OSError, match="can't let a call go on"):
        fsync_tracer.trace_self()
    assert (
        fsync_tracer.kernel("5.4.0-100-generic")
        < (5, 5)
        <= fsync_tracer.kernel("5.15-rc1")
        < fsync_tracer.kernel("6.1.0")
    )


def test_an_unknown_machine_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(fsync_tracer, "NUMBERS", {})

    with pytest.raises(OSError, match="not known here"):
        fsync_tracer.trace_self()


@pytest.mark.parametrize("machine", sorted(fsync_tracer.NUMBERS))
def test_the_filter_tells_the_four_calls_and_no_other(machine):
    numbers = fsync_tracer.NUMBERS[machine]

    assert {
        call
        for call in range(500)
        if decided(fsync_tracer.program(numbers), call, numbers.machine) == 0x7FC0_0000
    } == {numbers.sync, numbers.fsync, numbers.fdatasync, numbers.syncfs}
    assert decided(fsync_tracer.program(numbers), numbers.fsync, 1) == 0x7FFF_0000


def decided(program, call, machine):
    """What the kernel would do: load, jump if equal, return."""
    at, loaded = 0, 0
    while True:
        code, then, over, value = struct.unpack("=HBBI", program[at])
        if code == 0x06:
            return value
        if code == 0x20:
            loaded = {0: call, 4: machine}[value]
        at += 1 + (0 if code == 0x20 else then if loaded == value else over)


class AgainAndAgain:
    """One Redis with a disk of its own, started again and again."""

    def __init__(self, runtime, directory, fsync):
        self.runtime = runtime
        self.log = directory / "log"
        address = Address(runtime.host(1), runtime.port(6379))
        directives = {"appendonly": "yes", "appendfsync": fsync} if fsync else {"save": '""'}
        self.engine = Redis(
            "redis", address, directory, "a password", traced=True, directives=directives
        )
        self.start()

    def start(self):
        self.running = self.runtime.start(self.engine.launch(), self.log)
        eventually(self.answers, 10.0)

    def answers(self):
        try:
            return self.engine.ready(0.5)
        except ServerDown:
            return None

    def write(self, count):
        for number in range(count):
            self.engine.run("SET", f"write:{number}", "x")

    def cut_power(self):
        self.engine.close()
        done = self.running.cut_power()
        self.start()
        return done


@pytest.fixture
def redis_that(runtime, tmp_path):
    made = []

    def start(fsync):
        made.append(AgainAndAgain(runtime, tmp_path, fsync))
        return made[0]

    yield start
    for one in made:
        one.engine.close()


@pytest.mark.parametrize(("fsync", "kept"), [("always", 200), ("no", 0)])
def test_redis_keeps_what_it_synced_before_it_answered(redis_that, fsync, kept):
    redis = redis_that(fsync)
    redis.write(200)
    redis.cut_power()

    assert redis.engine.count() == kept


def test_redis_that_syncs_every_second_loses_what_came_since(redis_that, tmp_path):
    redis = redis_that("everysec")
    redis.write(100)
    eventually(
        lambda: (
            redis.engine.run("PING")
            and len(
                set(
                    redis.running.disk.lengths(
                        next((tmp_path / "data" / "appendonlydir").glob("*.incr.aof"))
                    )
                )
            )
            == 1
        ),
        5.0,
    )
    redis.write(150)
    length, synced = redis.running.disk.lengths(
        next((tmp_path / "data" / "appendonlydir").glob("*.incr.aof"))
    )
    redis.cut_power()

    assert redis.engine.count() == (100 if synced < length else 150)


def test_a_snapshot_of_redis_is_durable_when_it_says_so(redis_that, tmp_path):
    redis = redis_that("")
    redis.write(100)
    redis.engine.run("SAVE")
    redis.write(150)
    assert redis.cut_power() == []

    assert redis.engine.count() == 100
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["dump.rdb"]


def test_transactions_are_replayed_from_the_append_only_file(redis_that):
    """A start replays the file as the user `default`, who is off here: what it may not run would be
    left out.
    """
    redis = redis_that("always")
    redis.engine.run("EVAL", "redis.call('SET', 'a', 1) redis.call('SET', 'b', 2)", 0)
    redis.running.kill()
    redis.engine.close()
    redis.start()

    assert redis.engine.count() == 2


@pytest.fixture(scope="module", params=("cage", "process"))
def supervisor(request):
    supervisor, directory = own_supervisor(request.param)
    try:
        yield supervisor
    finally:
        supervisor.close()
        directory.cleanup()


@pytest.fixture
def sandbox(supervisor):
    opened = Opened(supervisor, "durability")
    yield opened
    opened.end()


def act(sandbox, name):
    return sandbox.call("action", name=name, fields={})["message"]


def rows(sandbox):
    return next(
        event.rows
        for event in reversed(sandbox.told)
        if event.type == "table-changed" and event.table == "faults"
    )


def test_a_sandbox_loses_its_power_in_any_isolation(sandbox):
    sandbox.call("set", name="mode", value="no")
    act(sandbox, "write-thousand")
    act(sandbox, "cut-power")
    act(sandbox, "come-back")

    assert sandbox.states("redis")[-1] == "up"
    assert (
        rows(sandbox)[0]["fault"],
        rows(sandbox)[0]["acknowledged"],
        rows(sandbox)[0]["found"],
    ) == ("power cut", rows(sandbox)[0]["lost"], 0)


def test_a_server_that_was_killed_in_the_drawing_is_compared_when_it_is_restarted(sandbox):
    sandbox.call("set", name="mode", value="no")
    act(sandbox, "write-thousand")
    sandbox.server("kill", "redis")
    sandbox.server("restart", "redis")

    eventually(lambda: rows(sandbox))
    assert (rows(sandbox)[0]["fault"], rows(sandbox)[0]["lost"]) == ("process crash", 0)
    assert rows(sandbox)[0]["acknowledged"] >= 1_000


def test_another_mode_begins_with_an_empty_disk(sandbox):
    act(sandbox, "write-thousand")
    sandbox.call("set", name="mode", value="always")

    assert sandbox.call("console", server="redis", command="DBSIZE")["output"].endswith("0")


def test_a_write_is_stepped_through_and_its_sync_is_told(sandbox):
    sandbox.call("set", name="mode", value="always")
    sandbox.call("step", verb="start", function="write")
    while sandbox.call("step", verb="next")["running"]:
        pass

    ran = [event for event in sandbox.told if event.type == "command-ran"]
    said = eventually(
        lambda: next(
            (
                event
                for event in reversed(sandbox.told)
                if event.type == "caption-changed" and "Number 1" in event.text
            ),
            None,
        )
    )
    assert [(event.command.split()[0], event.reply) for event in ran] == [("SET", "OK")]
    assert "after 1 sync: it is on the disk" in said.text


def test_start_afresh_empties_the_disk(sandbox):
    act(sandbox, "write-thousand")
    sandbox.call("reset")

    assert sandbox.call("console", server="redis", command="DBSIZE")["output"].endswith("0")


@pytest.mark.parametrize(
    "command",
    [
        "SET write:abc 1",
        "SET write: 1",
        "SET write:\u0663 1",
        f"SET write:{'9' * 5000} 1",
        "HSET write:7x field 1",
    ],
)
def test_what_a_learner_writes_at_the_console_counts_for_nothing(sandbox, command):
    act(sandbox, "write-thousand")
    assert not sandbox.call("console", server="redis", command=command)["failed"]
    act(sandbox, "crash")

    assert "1,000 of 1,000 acknowledged writes are there" in act(sandbox, "come-back")


def status(sandbox, check):
    return next(
        (
            event.status
            for event in reversed(sandbox.told)
            if event.type == "check-changed" and event.check == check
        ),
        None,
    )


def test_always_is_not_believed_of_a_cut_before_which_nothing_was_written(sandbox):
    sandbox.call("set", name="mode", value="always")
    act(sandbox, "write-thousand")
    act(sandbox, "crash")
    act(sandbox, "come-back")
    act(sandbox, "cut-power")
    act(sandbox, "come-back")

    assert (rows(sandbox)[0]["written"], rows(sandbox)[0]["lost"]) == (0, 0)
    time.sleep(1.5)
    assert status(sandbox, "always-keeps") == "unmet"
    act(sandbox, "write-thousand")
    act(sandbox, "cut-power")
    act(sandbox, "come-back")
    eventually(lambda: status(sandbox, "always-keeps") == "met")


def test_an_experiment_neither_meets_a_check_nor_undoes_one(sandbox):
    sandbox.call("measure", prediction="snapshot")
    assert (rows(sandbox)[0]["by"], rows(sandbox)[0]["found"]) == ("an experiment", 300)
    sandbox.call("set", name="mode", value="none")
    act(sandbox, "write-thousand")
    act(sandbox, "crash")
    act(sandbox, "come-back")
    eventually(lambda: status(sandbox, "memory-only") == "met")

    sandbox.call("measure", prediction="snapshot")

    time.sleep(1.5)
    assert status(sandbox, "memory-only") == "met"
    assert {(row["by"], row["found"]) for row in rows(sandbox)} == {
        ("you", 0),
        ("an experiment", 300),
    }


def numbered(address):
    return NumbersSpec(
        rate_per_s=1_000.0,
        strategy=find("durability").strategy({}),
        server=Route(address, address, "", 0),
        access=Access("shop", "a password"),
        first=1,
        last=5,
    )


class IdleClients:
    """Starts clients that report at once that they do no more, and go on."""

    def __init__(self):
        self.commits = Commits()
        self.theirs = []

    def start(self, _spec):
        ours, theirs = Pipe()
        theirs.send(Written("redis", "numbers", idle_because="that was the last"))
        self.theirs.append(theirs)
        return 0, ours

    def close(self):
        """There is nothing to end."""


def test_a_client_that_does_no_more_is_reported_once_in_a_run():
    reported, clients, spec = [], IdleClients(), numbered(Address("127.0.0.1", 1))
    load = LoadController(clients, on_idle=reported.append)

    def reports_are(count):
        return len(reported) == count

    for run in (1, 2):
        load.start(2, lambda _: spec)
        eventually(partial(reports_are, run))
        time.sleep(0.1)
        for pipe in clients.theirs:
            pipe.close()
        load.stop()

    assert reported == ["that was the last"] * 2


def test_the_last_number_is_said_to_be_the_last(redis_that):
    redis = redis_that("no")
    ours, theirs = Pipe()
    program = numbered(redis.engine.address).program(Commits())
    writing = threading.Thread(target=loop.run, args=(program, theirs), daemon=True)
    writing.start()
    told = [ours.recv() for _ in range(4)]
    ours.send(None)
    writing.join(5.0)

    assert sum(batch.done for batch in told) == 5
    assert ["number 5 is the last" in batch.idle_because for batch in told].count(True) == 1
