"""Receives a server's fsync calls as they are made, notes each on the disk, and lets it go on.

Needs no privileges: a seccomp filter with a listener (labs.runtime.fsync_tracer).

A call goes on after it was noted: a power cut in between counts a sync that was under way as done,
never one that was answered as lost. Refuses to change any call.
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
from functools import partial
from pathlib import Path

from labs.runtime.disk import Disk
from labs.runtime.fsync_tracer import NUMBERS
from labs.runtime.interpreter import interpreter

HANDED_BACK_S = 5.0
CHECK_EVERY_S = 1.0
_LAUNCHER = Path(__file__).with_name("fsync_tracer.py")
_NOTIFICATION, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
"""struct seccomp_notif: id, pid, flags, and of the call its number, machine, place and arguments.
struct seccomp_notif_resp: id, value, error, flags.
"""
_RECEIVE, _SEND, _STILL_THERE = 0xC050_2100, 0xC018_2101, 0x4008_2102
_GO_ON = 1

log = logging.getLogger(__name__)


def traced_argv(hand_back: socket.socket, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command line that starts a server with its syncs traced; it inherits `hand_back`."""
    return (interpreter(), "-I", "-S", str(_LAUNCHER), str(hand_back.fileno()), "--", *command)


def listen(ours: socket.socket, disk: Disk, is_alive: Callable[[], bool]) -> bool:
    """Wait for the listener that the tracer sends, and note its calls on the disk, in a thread that
    ends when the server is no longer alive. Without a listener, `disk.problem` has the reason.

    False if the tracer sent nothing at all: it hangs or has ended, and the server must be started
    again without it.
    """
    ours.settimeout(HANDED_BACK_S)
    try:
        reason, descriptors, _, _ = socket.recv_fds(ours, 200, 1)
    except OSError as exc:
        log.warning("the tracer of a server sent nothing: %s", exc)
        reason, descriptors = b"", []
    if not descriptors:
        disk.problem = (
            "This machine does not tell when a server syncs its files "
            f"({reason.decode(errors='replace') or 'nothing was handed back'}), so "
            "that it is not known what a loss of power would leave."
        )
        return bool(reason)
    # An earlier problem stays: what was synced meanwhile is not known. `Disk.clear` removes it.
    answer = partial(_answer_all, descriptors[0], disk, is_alive)
    threading.Thread(target=answer, name="fsync-listener", daemon=True).start()
    return True


def _answer_all(listener: int, disk: Disk, is_alive: Callable[[], bool]) -> None:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    try:
        while True:
            events = next((found for _, found in poll.poll(CHECK_EVERY_S * 1000)), 0)
            if events & select.POLLIN:
                _answer(listener, disk)
            elif not events and not is_alive():
                # Some kernels never report POLLHUP on a seccomp listener.
                return
            elif events & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                return
    finally:
        os.close(listener)


def _answer(listener: int, disk: Disk) -> None:
    notification = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, notification)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.EINTR):
            return
        raise
    number, pid, _, call, _, _, argument, *_ = _NOTIFICATION.unpack(notification)
    try:
        _note(listener, disk, number, pid, call, argument)
    except Exception as exc:
        # A call that is not answered would hold the server for ever.
        log.exception("a sync could not be noted")
        disk.problem = (
            f"A sync of this server could not be noted ({type(exc).__name__}), so "
            "that it is not known what a loss of power would leave."
        )
    # The caller may have been killed meanwhile.
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
        # A process that is being killed can't be read any more; its call is never made.
        if not _waits(listener, number):
            return
        raise
    # The process could have ended, and another could have its number.
    if _waits(listener, number):
        disk.note(target, found)


def _waits(listener: int, number: int) -> bool:
    """True if the caller of a reported call still waits for an answer."""
    try:
        fcntl.ioctl(listener, _STILL_THERE, struct.pack("=Q", number))
    except FileNotFoundError:
        return False
    return True
