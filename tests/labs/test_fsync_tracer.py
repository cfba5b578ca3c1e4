"""The fsync tracer with real programs: the kernel reports their syncs, and a power cut takes what
they did not sync.
"""

import os
import signal
import struct
import sys
import threading
import time

import psutil
import pytest

from labs.errors import NotNow
from labs.runtime import fsync_listener, fsync_tracer
from labs.runtime.disk import Disk
from labs.runtime.launch import Launch
from tests.processes import lives
from tests.waiting import WITHIN_S, eventually

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


def start(runtime, directory, program):
    (directory / "output").unlink(missing_ok=True)
    (directory / "program.py").write_text(program)
    running = runtime.start(
        Launch(
            argv=(sys.executable, "-I", "-S", str(directory / "program.py")),
            data=directory / "data",
        ),
        directory / "output",
    )
    eventually(lambda: "done" in running.log_tail() or running.poll() is not None)
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


def test_the_listener_ends_with_the_server(runtime, tmp_path):
    running = start(runtime, tmp_path, WRITER)
    running.kill()

    eventually(lambda: not any(thread.name == "fsync-listener" for thread in threading.enumerate()))


def test_where_the_kernel_refuses_the_program_runs_and_the_power_cut_says_why(
    runtime, tmp_path, monkeypatch
):
    """The kernel refuses a second listener: the program installs one first, then is started with
    ours.
    """
    monkeypatch.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "tracer.py")
    (tmp_path / "tracer.py").write_text(
        fsync_tracer.__loader__.get_source("labs.runtime.fsync_tracer").replace(
            "    hand_back =", "    trace_self()\n    hand_back =", 1
        )
    )
    running = start(runtime, tmp_path, "import time\nprint('done', flush=True)\ntime.sleep(600)\n")

    with pytest.raises(NotNow, match="does not tell when a server syncs"):
        running.cut_power()
    assert running.poll() is None


def test_a_tracer_that_hangs_is_ended_and_the_server_starts_without_it(
    runtime, tmp_path, monkeypatch
):
    monkeypatch.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "tracer.py")
    monkeypatch.setattr("labs.runtime.fsync_listener.HANDED_BACK_S", 0.3)
    (tmp_path / "tracer.py").write_text("import time\ntime.sleep(600)\n")
    running = start(runtime, tmp_path, WRITER)

    assert left(tmp_path)["log"] == "synced lost"
    assert running.disk.problem
    with pytest.raises(NotNow, match="does not tell when a server syncs"):
        running.cut_power()
    assert [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path / "tracer.py") in (process.info["cmdline"] or [])
    ] == []


def test_what_was_synced_while_no_listener_noted_it_is_not_cut_later(
    runtime, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr("labs.runtime.fsync_listener._LAUNCHER", tmp_path / "tracer.py")
        patched.setattr("labs.runtime.fsync_listener.HANDED_BACK_S", 0.3)
        (tmp_path / "tracer.py").write_text("import time\ntime.sleep(600)\n")
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


def test_the_listener_ends_with_the_server_even_if_the_kernel_reports_nothing(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("labs.runtime.fsync_listener.CHECK_EVERY_S", 0.02)
    read_end, write_end = os.pipe()
    living = threading.Event()
    living.set()
    listening = threading.Thread(
        target=fsync_listener._answer_all,
        args=(read_end, Disk(tmp_path / "data", tmp_path / "data-synced"), living.is_set),
        daemon=True,
    )
    listening.start()
    time.sleep(0.1)
    assert listening.is_alive()

    living.clear()

    listening.join(WITHIN_S)
    assert not listening.is_alive()
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
def test_the_filter_reports_the_four_calls_and_no_other(machine):
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
