"""Hears a server's calls to fsync as they are made, has the disk note them, and lets each go on.

Needs no privileges: a seccomp filter with a listener (labs.runtime.noting).

The call is let go on after it was noted: a cut in that moment counts a sync that was under way as
done, never one that was answered as lost. Refuses to change any call.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from labs.runtime.disk import Disk
from labs.runtime.interpreter import interpreter
from labs.runtime.noting import NUMBERS

HANDED_BACK_S = 5.0
LOOKS_EVERY_S = 1.0
_LAUNCHER = Path(__file__).with_name("noting.py")
_NOTIFICATION, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
"""struct seccomp_notif: id, pid, flags, and of the call its number, machine, place and arguments.
struct seccomp_notif_resp: id, value, error, flags.
"""
_RECEIVE, _SEND, _STILL_THERE = 0xC050_2100, 0xC018_2101, 0x4008_2102
_GO_ON = 1

log = logging.getLogger(__name__)


def argv(hand_back: socket.socket, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command line that starts a server with its calls told; `hand_back` is inherited."""
    return (
        interpreter(),
        "-I",
        "-S",
        str(_LAUNCHER),
        str(hand_back.fileno()),
        "--",
        *command,
    )


def hear(ours: socket.socket, disk: Disk, lives: Callable[[], bool]) -> bool:
    """Wait for the listener that the launcher hands back, and note what it tells, in a thread that
    ends when the server no longer `lives`. Where there is none, the disk says why.

    False if the launcher said nothing at all: it hangs or has ended, and must be started again
    without being asked.
    """
    ours.settimeout(HANDED_BACK_S)
    try:
        said, descriptors, _, _ = socket.recv_fds(ours, 200, 1)
    except OSError as exc:
        log.warning("the launcher of a server handed nothing back: %s", exc)
        said, descriptors = b"", []
    if not descriptors:
        disk.problem = (
            "This machine does not tell when a server syncs its files "
            f"({said.decode(errors='replace') or 'nothing was handed back'}), so "
            "that nobody knows what a loss of power would leave."
        )
        return bool(said)
    # A problem from before stays: what was synced meanwhile is not known. Only an empty disk is
    # without one again.
    threading.Thread(
        target=_answer_all, args=(descriptors[0], disk, lives), name="syncs", daemon=True
    ).start()
    return True


def _answer_all(listener: int, disk: Disk, lives: Callable[[], bool]) -> None:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    try:
        while True:
            happened = next((events for _, events in poll.poll(LOOKS_EVERY_S * 1000)), 0)
            if happened & select.POLLIN:
                _answer(listener, disk)
            elif not happened and not lives():
                # Not every kernel that has listeners says that nobody is left who could be told of.
                return
            elif happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                return
    finally:
        os.close(listener)


def _answer(listener: int, disk: Disk) -> None:
    told = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, told)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.EINTR):
            return
        raise
    number, pid, _, call, _, _, argument, *_ = _NOTIFICATION.unpack(told)
    try:
        _note(listener, disk, number, pid, call, argument)
    except Exception as exc:
        # A call that is not answered would hold the server for ever.
        log.exception("a sync could not be noted")
        disk.problem = (
            f"A sync of this server could not be noted ({type(exc).__name__}), so "
            "that nobody knows what a loss of power would leave."
        )
    # Killed meanwhile: there is nobody to be answered.
    with contextlib.suppress(FileNotFoundError):
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(number, 0, 0, _GO_ON))


def _note(listener: int, disk: Disk, number: int, pid: int, call: int, argument: int) -> None:
    numbers = NUMBERS[os.uname().machine]
    if call in (numbers.sync, numbers.syncfs):
        disk.note_all()
        return
    descriptor = f"/proc/{pid}/fd/{argument & 0xFFFF_FFFF}"
    try:
        found, target = os.stat(descriptor), os.readlink(descriptor)
    except FileNotFoundError:
        return
    except OSError:
        # Of a process that is being killed nothing may be read any more; its call will not be made.
        if not _waits(listener, number):
            return
        raise
    # The process could have ended and another have its number.
    if _waits(listener, number):
        disk.note(target, found)


def _waits(listener: int, number: int) -> bool:
    """True if whoever made a call that was told still waits for an answer."""
    try:
        fcntl.ioctl(listener, _STILL_THERE, struct.pack("=Q", number))
    except FileNotFoundError:
        return False
    return True
