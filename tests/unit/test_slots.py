"""Slots: no two living sandboxes of a machine have the same user id or the same addresses."""

import contextlib
import os
import subprocess

from labs.host import budget
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
