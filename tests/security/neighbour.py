"""Somebody in one sandbox who looks for what another one has: reads its files, its processes and
its ports, and prints what came of it.

A program of its own: `python neighbour.py PID UID`, with what to look for on standard input.
"""

import json
import os
import socket
import sys
from functools import partial
from pathlib import Path

from tests.security.intruder import enter, tried


def ask(host, port, words):
    """What a server answers a client that has not logged in."""
    with socket.create_connection((host, port), 1.0) as sock:
        sock.sendall(bytes.fromhex(words))
        return sock.recv(200).decode(errors="replace")


def read(path):
    """A file, whole."""
    return Path(path).read_bytes().hex()


def look(wanted):
    """Everything that is tried."""
    of_processes = [
        f"/proc/{pid}/{name}" for pid in wanted["pids"] for name in ("environ", "maps", "cmdline")
    ]
    folders = [*wanted["folders"], *(f"/proc/{pid}/root/sandbox" for pid in wanted["pids"])]
    return {
        "files": {path: tried(partial(read, path)) for path in wanted["files"]},
        "folders": {path: tried(partial(os.listdir, path)) for path in folders},
        "processes": {path: tried(partial(read, path)) for path in of_processes},
        "ports": {
            f"{host}:{port}": tried(partial(ask, host, port, words))
            for host, port, words in wanted["ports"]
        },
    }


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    enter(*map(int, sys.argv[1:3]))
    os.write(1, json.dumps(look(asked)).encode())
    os._exit(0)
