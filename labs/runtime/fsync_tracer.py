"""Runs a server under seccomp and reports each of its fsync calls to the parent:
`python -I -S fsync_tracer.py SOCKET -- PROGRAM ARGUMENTS…`.

The process installs a seccomp filter with a listener (user notification), sends the listener over
the inherited socket SOCKET and then executes the program. Where the kernel refuses, it sends the
reason in words and executes the program all the same. Uses only the standard library, so that it
starts fast.
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
"""Older kernels have listeners, but none that can let a call go on."""
_NOTIFY, _ALLOW = 0x7FC0_0000, 0x7FFF_0000


class Numbers(NamedTuple):
    """The numbers of a machine, of `seccomp`, and of the four calls that write the kernel's buffers
    to the disk.
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
    """Become the program that the command line names, with its syncs traced."""
    hand_back = socket.socket(fileno=int(sys.argv[1]))
    try:
        listener = trace_self()
    except OSError as exc:
        hand_back.send((exc.strerror or str(exc)).encode())
    else:
        socket.send_fds(hand_back, [b"listener"], [listener])
        os.close(listener)
    hand_back.close()
    os.execv(sys.argv[3], sys.argv[3:])


def trace_self() -> int:
    """Trace this process and its children from now on; returns the descriptor of the listener.

    Raises OSError where the kernel has no such listener.
    """
    numbers = NUMBERS.get(os.uname().machine)
    if numbers is None:
        raise OSError(0, f"the numbers of system calls on {os.uname().machine} are not known here")
    if kernel(os.uname().release) < LEAST_KERNEL:
        raise OSError(0, f"Linux {os.uname().release} can't let a call go on that a listener saw")
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
    calls notify the listener, all others are allowed.
    """
    traced = (numbers.sync, numbers.fsync, numbers.fdatasync, numbers.syncfs)
    return [
        _step(0x20, 4),
        _step(0x15, numbers.machine, over=len(traced) + 1),
        _step(0x20, 0),
        *(_step(0x15, number, then=len(traced) - index) for index, number in enumerate(traced)),
        _step(0x06, _ALLOW),
        _step(0x06, _NOTIFY),
    ]


def _step(code: int, value: int, *, then: int = 0, over: int = 0) -> bytes:
    """One instruction; a jump goes on `then` steps further if it holds, `over` if not."""
    return struct.pack("=HBBI", code, then, over, value)


if __name__ == "__main__":
    main()
