"""The few Linux calls that Python does not have: parent-death signals, entering namespaces, mounts,
giving up capabilities, a filter of system calls.

Thin, and nothing else. Everything raises OSError where the kernel refuses.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

_CLONE_NEWNS = 0x0002_0000
_ALL_NAMESPACES = _CLONE_NEWNS | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000
"""Of mounts, and NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""

_MS_NOSUID, _MS_NODEV = 2, 4
_MS_REC, _MS_PRIVATE = 1 << 14, 1 << 18

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x2008_0522
_LAST_CAPABILITY = 40

_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
_FAMILIES = (1, 2, 10, 16)
"""Sockets of files, of both internets, of the kernel's answers about addresses.

A network namespace holds in none of the others: AF_VSOCK leads to the machine below.
"""


class _Calls(NamedTuple):
    """A machine's numbers: its own, `seccomp`, `socket`, and the refused calls."""

    machine: int
    seccomp: int
    socket: int
    refused: list[int]


_REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "pidfd_getfd": (438, 438),
}
"""Calls that no server of ours makes and that have led out of other cages: their numbers on x86_64
and on aarch64.
"""
_CALLS = {
    "x86_64": _Calls(0xC000_003E, 317, 41, [on_x86 for on_x86, _ in _REFUSED.values()]),
    "aarch64": _Calls(0xC000_00B7, 277, 198, [on_arm for _, on_arm in _REFUSED.values()]),
}

LONGEST_SOCKET = 107
"""Bytes of the path of a Unix socket."""

_libc = ctypes.CDLL(None, use_errno=True)


def allow_open_files(wanted: int) -> int:
    """How many files this process may have open, after its limit was raised up to `wanted`, or as
    far as it is allowed to. Its children may have as many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    files = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


def die_with_parent(parent: int, number: int) -> None:
    """Have the kernel send this process a signal when the thread that made it ends.

    `parent` is the parent's pid as seen before the fork: if it is already gone, this process ends
    at once, for the signal will not come. A change of credentials clears the setting, so call this
    after one.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() not in (parent, 0):
        os._exit(1)


def fork(name: str, work: Callable[[], None]) -> int:
    """A child of this process that does some work and ends with it, or with its parent; returns its
    pid. Fork before there are threads.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with_parent(parent, signal.SIGKILL)
        set_name(name)
        work()
    except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends: it can reap them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Name this process in listings (15 bytes)."""
    _libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def is_stopped(pid: int) -> bool:
    """True if no thread of a process runs any more, by SIGSTOP or because it has ended.

    `kill(2)` returns before the threads on other processors have stopped: until then they answer.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return all(
            stat.read_bytes().rpartition(b")")[2].split()[0] in b"TtZX"
            for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        )
    return True


def remove_shared_memory(segment: int) -> None:
    """Remove a segment of System V's shared memory."""
    if _libc.shmctl(segment, 0, None) != 0:  # 0 is IPC_RMID
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter_namespaces(pid: int) -> None:
    """Enter all namespaces of a process of the same user.

    The pid namespace is for children: fork after this.
    """
    descriptor = os.pidfd_open(pid)
    try:
        if _libc.setns(descriptor, _ALL_NAMESPACES) != 0:
            _raise("setns")
    finally:
        os.close(descriptor)


def unshare_mounts() -> None:
    """Have a view of the file systems of one's own: what is mounted from here on is seen by this
    process and its children only. Needs root.
    """
    if _libc.unshare(_CLONE_NEWNS) != 0:
        _raise("unshare")
    if _libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        _raise("mount")


def mount(source: str, target: Path, kind: str, options: str) -> None:
    """Mount a file system, without devices and without programs of another user's rights."""
    arguments = (source.encode(), os.fsencode(target), kind.encode())
    if _libc.mount(*arguments, _MS_NOSUID | _MS_NODEV, options.encode()) != 0:
        _raise(f"mount {target}")


def give_up_privileges() -> None:
    """No capabilities now, and none by any later exec."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(struct.pack("=6I", 0, 0, 0, 0, 0, 0))
    if _libc.capset(header, data) != 0:
        _raise("capset")


def refuse_calls() -> None:
    """Refuse, to this process and all that it starts, the system calls and kinds of socket that are
    listed above. Call it after `give_up_privileges`, with one thread.

    Does nothing on machines whose numbers are not listed.
    """
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return
    program = _filter(calls)
    code = ctypes.create_string_buffer(b"".join(program))
    header = ctypes.c_char_p(struct.pack("@HP", len(program), ctypes.addressof(code)))
    flags = _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_SPEC_ALLOW
    if _libc.syscall(calls.seccomp, *flags, header) != 0:
        _raise("seccomp")


def _filter(calls: _Calls) -> list[bytes]:
    """Classic BPF over struct seccomp_data: the call's number at 0, the machine at 4, the first
    argument at 16.
    """
    allow, refuse = _step(0x06, 0x7FFF_0000), _step(0x06, 0x0005_0000 | errno.EPERM)
    no_family = _step(0x06, 0x0005_0000 | errno.EAFNOSUPPORT)
    families = [
        _step(0x20, 16),
        *(part for family in _FAMILIES for part in (_step(0x15, family, over=1), allow)),
        no_family,
    ]
    refused = [part for number in calls.refused for part in (_step(0x15, number, over=1), refuse)]
    return [
        _step(0x20, 4),
        _step(0x15, calls.machine, then=1),
        refuse,
        # Numbers from there on are another machine's ways into the same kernel.
        _step(0x20, 0),
        _step(0x35, 0x4000_0000, over=1),
        refuse,
        *refused,
        _step(0x15, calls.socket, over=len(families)),
        *families,
        allow,
    ]


def _step(code: int, value: int, *, then: int = 0, over: int = 0) -> bytes:
    """One instruction; a jump goes on `then` steps further if it holds, `over` if not."""
    return struct.pack("=HBBI", code, then, over, value)


def forbid_user_namespaces() -> None:
    """No process of this user namespace may make another one, in which it would have all
    capabilities again. Needs this one's own.
    """
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def be_ended_first() -> None:
    """Where the machine runs out of memory, end this process and what it starts before all others.

    Call it before a change of user.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


def become(uid: int) -> None:
    """Take on an unprivileged user and group id for good; call as root, or with one's own id."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    elif os.getuid() != uid:
        raise PermissionError(f"Only root can become user {uid}.")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        _raise("prctl")


def _raise(call: str) -> NoReturn:
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}")
