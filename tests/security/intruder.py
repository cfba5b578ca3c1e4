"""Somebody who has taken over a server in a cage: enters it as the agent's family did, tries what
the command line names, prints what came of it.

A program of its own, with one thread: `python intruder.py PID UID PORT`. Imports nothing after it
has entered.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from labs import linux

UNSHARE_USER = 0x1000_0000


def tried(attempt):
    """What an attempt came to: `done`, or the name of the error."""
    try:
        return attempt() or "done"
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, type(exc).__name__)


def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    return "done" if libc.syscall(number, *arguments) >= 0 else errno.errorcode[ctypes.get_errno()]


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        sock.connect(address)


def opened(family, kind=socket.SOCK_STREAM, protocol=0):
    socket.socket(family, kind, protocol).close()


def write(path):
    Path(path).write_text("0")


def fill(folder):
    """How many MB fit into files there, up to a hundred."""
    written = 0
    try:
        with open(Path(folder, "filler"), "wb") as file:
            while written < 100:
                file.write(bytes(1024 * 1024))
                written += 1
    except OSError:
        pass
    with open(Path(folder, "filler"), "wb"):
        pass
    return written


def children():
    """How many children can be had."""
    pids = []
    try:
        while len(pids) < 400:
            pid = os.fork()
            if not pid:
                time.sleep(30)
                os._exit(0)
            pids.append(pid)
    except OSError:
        pass
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(pids)


def names_of_processes():
    return [
        Path("/proc", pid, "comm").read_text().strip()
        for pid in os.listdir("/proc")
        if pid.isdigit()
    ]


def agent():
    return next(
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and Path("/proc", pid, "comm").read_text().startswith("cg-agent")
    )


def look_around(port, own):
    """Everything that is tried."""
    return {
        "root": sorted(os.listdir("/")),
        "user namespaces left": int(Path("/proc/sys/user/max_user_namespaces").read_text()),
        "a user namespace": call(own["unshare"], UNSHARE_USER),
        "ptrace": call(own["ptrace"], 16, int(agent()), 0, 0),
        "keys": call(own["add_key"], b"user", b"x", b"y", 1, -3),
        "mount": call(own["mount"], b"none", b"/tmp", b"tmpfs", 0, None),
        "root again": tried(lambda: os.setuid(0)),
        "the agent's environment": tried(
            lambda: Path("/proc", agent(), "environ").read_bytes() and None
        ),
        "the agent's descriptors": tried(lambda: os.listdir(f"/proc/{agent()}/fd") and None),
        "the machine's loopback": tried(lambda: connect(socket.AF_INET, ("127.0.0.1", port))),
        "the machine's abstract sockets": tried(
            lambda: connect(socket.AF_UNIX, f"\0cacheground-test-{port}")
        ),
        "the outside": tried(lambda: connect(socket.AF_INET, ("169.254.169.254", 80))),
        "raw packets": tried(lambda: opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
        "whole packets": tried(lambda: opened(socket.AF_PACKET, socket.SOCK_RAW)),
        "the machine below": tried(lambda: opened(socket.AF_VSOCK)),
        "write": {
            path: tried(lambda path=path: write(f"{path}/x"))
            for path in (
                "/",
                "/dev",
                "/usr/bin",
                "/template",
                "/sandbox",
                "/proc/sys/kernel",
                "/proc/sys/net/core",
            )
        },
        "room": {path: fill(path) for path in ("/tmp", "/dev/shm")},
        "processes": names_of_processes(),
        "children": children(),
    }


def enter(pid, uid):
    """Go into the cage of this process as the agent's family did; 0: there is none to go into."""
    tried(lambda: connect(socket.AF_UNIX, "/nowhere"))  # what is imported late is imported now
    json.dumps({"a": [1]}, indent=1)
    linux.become(uid)
    if pid:
        linux.enter_namespaces(pid)
        if child := os.fork():
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os.chdir("/sandbox")
    resource.setrlimit(resource.RLIMIT_NPROC, (200, 200))
    linux.give_up_privileges()
    linux.refuse_calls()


def main():
    pid, uid, port = (int(part) for part in sys.argv[1:4])
    own = dict(
        zip(
            ("unshare", "ptrace", "add_key", "mount"),
            (272, 101, 248, 165) if os.uname().machine == "x86_64" else (97, 117, 217, 40),
            strict=True,
        )
    )
    enter(pid, uid)
    os.write(1, json.dumps(look_around(port, own)).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
