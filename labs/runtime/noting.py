"""Starts a server whose calls to fsync are told to whoever started it: `python -I -S noting.py
SOCKET -- PROGRAM ARGUMENTS…`.

A seccomp filter with a listener (user notification) is laid over this process, the listener is
handed back over the inherited socket SOCKET, and then this process becomes the program. Where the
kernel refuses, the refusal is handed back in words, and the program is started all the same. A
program of the standard library alone: it must start soon.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
LEAST_KERNEL = (5, 5)
"""Older ones have listeners, but none that may answer: go on."""
_TOLD, _ALLOWED = 0x7FC0_0000, 0x7FFF_0000


class Numbers(NamedTuple):
    """A machine's own number, `seccomp`, and the four calls that put on the disk what the kernel
    holds.
    """

    machine: int
    seccomp: int
    sync: int
    fsync: int
    fdatasync: int
    syncfs: int


NUMBERS = {
    "x86_64": Numbers(0xC000_003E, 317, 162, 74, 75, 306),
    "aarch64": Numbers(0xC000_00B7, 277, 81, 82, 83, 267),
}


def main() -> None:
    """Be the program that the command line names, with its calls told."""
    hand_back = socket.socket(fileno=int(sys.argv[1]))
    try:
        listener = listen_to_oneself()
    except OSError as exc:
        hand_back.send((exc.strerror or str(exc)).encode())
    else:
        socket.send_fds(hand_back, [b"listener"], [listener])
        os.close(listener)
    hand_back.close()
    os.execv(sys.argv[3], sys.argv[3:])


def listen_to_oneself() -> int:
    """The descriptor on which the calls of this process and its children are told from now on.

    Raises OSError where that can't be had.
    """
    numbers = NUMBERS.get(os.uname().machine)
    if numbers is None:
        raise OSError(0, f"the numbers of system calls on {os.uname().machine} are not known here")
    if kernel(os.uname().release) < LEAST_KERNEL:
        raise OSError(0, f"Linux {os.uname().release} can't let a call go on that was told")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    steps = program(numbers)
    code = ctypes.create_string_buffer(b"".join(steps))
    header = struct.pack("@HP", len(steps), ctypes.addressof(code))
    listener: int = libc.syscall(
        numbers.seccomp,
        SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER,
        ctypes.c_char_p(header),
    )
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return listener


def kernel(release: str) -> tuple[int, int]:
    """The first two numbers of a release such as 6.1.0-18-amd64."""
    first, second = release.replace("-", ".").split(".")[:2]
    return int(first), int(second)


def program(numbers: Numbers) -> list[bytes]:
    """Classic BPF over struct seccomp_data (the call's number at 0, the machine at 4): the four
    calls are told, all others allowed.
    """
    told = (numbers.sync, numbers.fsync, numbers.fdatasync, numbers.syncfs)
    return [
        _step(0x20, 4),
        _step(0x15, numbers.machine, over=len(told) + 1),
        _step(0x20, 0),
        *(_step(0x15, number, then=len(told) - index) for index, number in enumerate(told)),
        _step(0x06, _ALLOWED),
        _step(0x06, _TOLD),
    ]


def _step(code: int, value: int, *, then: int = 0, over: int = 0) -> bytes:
    """One instruction; a jump goes on `then` steps further if it holds, `over` if not."""
    return struct.pack("=HBBI", code, then, over, value)


if __name__ == "__main__":
    main()
