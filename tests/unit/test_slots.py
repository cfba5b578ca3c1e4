"""Slots: no two living sandboxes of a machine have the same user id or the same addresses."""

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

from labs import linux
from labs.host import budget, shared_memory
from labs.host.slots import FIRST_UID, Slots


@contextlib.contextmanager
def left_behind(uid):
    """A process of a user, as a sandbox whose monitor was killed may leave one."""
    process = subprocess.Popen(["sleep", "60"], user=uid, group=uid, extra_groups=[])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_two_labs_hosts_of_a_machine_have_different_slots():
    with contextlib.closing(Slots(own_users=False)) as first:
        mine = [first.take() for _ in range(3)]
        with contextlib.closing(Slots(own_users=False)) as second:
            assert {second.take() for _ in range(3)}.isdisjoint(mine)


def test_the_slot_that_was_given_back_last_is_taken_last():
    with contextlib.closing(Slots(own_users=False)) as slots:
        first = slots.take()
        slots.give_back(first, all_ended=True)

        assert slots.take() != first


def test_a_slot_whose_user_still_has_processes_is_not_taken(needs):
    needs(os.geteuid() == 0, "root, to become somebody else")
    with contextlib.closing(Slots(own_users=True)) as before:
        slot = before.take()

    with left_behind(FIRST_UID + slot), contextlib.closing(Slots(own_users=True)) as slots:
        assert slots.take() != slot


def test_what_is_left_of_a_slots_user_ends_before_the_slot_is_given_back(needs):
    needs(os.geteuid() == 0, "root, to become somebody else")
    with contextlib.closing(Slots(own_users=True)) as slots:
        slot = slots.take()
        uid = FIRST_UID + slot
        with left_behind(uid) as process:
            assert budget.processes_of(uid) == [process.pid]

            slots.give_back(slot, all_ended=False)

            assert budget.processes_of(uid) == []


def segment_of(uid):
    """A segment of shared memory that its process has left, as a killed Postgres does."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        linux.become(uid)
        made = ctypes.CDLL(None).shmget(0, 56, 0o1600)  # 0o1000 is IPC_CREAT
        os.write(writing, str(made).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return int(pipe.read())


def is_there(segment):
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return segment in {int(line.split()[1]) for line in lines}


@contextlib.contextmanager
def removed_at_last(segment):
    try:
        yield segment
    finally:
        with contextlib.suppress(OSError):
            linux.remove_shared_memory(segment)


def test_a_slot_that_is_given_back_leaves_no_shared_memory(needs):
    needs(os.geteuid() == 0, "root, to become somebody else")
    with contextlib.closing(Slots(own_users=True)) as slots:
        slot = slots.take()
        uid = slots.uid(slot)
        assert uid
        with (
            removed_at_last(segment_of(uid)) as theirs,
            removed_at_last(segment_of(uid + 1_000)) as another_s,
        ):
            assert is_there(theirs)

            slots.give_back(slot, all_ended=True)

            assert not is_there(theirs) and is_there(another_s)


def test_the_shared_memory_that_a_database_names_goes_with_it(tmp_path):
    """Where all sandboxes are one user: what else that user has stays."""
    data = tmp_path / "database/data"
    data.mkdir(parents=True)
    with (
        removed_at_last(segment_of(os.getuid())) as its,
        removed_at_last(segment_of(os.getuid())) as another_s,
    ):
        lines = ["1", str(data), "0", "5432", "", "127.0.0.1", f"  123456   {its}", "ready"]
        (data / "postmaster.pid").write_text("\n".join(lines))
        assert is_there(its)

        shared_memory.clear_below(tmp_path)

        assert not is_there(its) and is_there(another_s)
