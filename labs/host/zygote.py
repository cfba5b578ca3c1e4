"""The warm process that every agent is forked from: it has imported all that an agent needs, has
one thread and holds nothing else.

For each sandbox it forks a *warden*, which builds the cage, forks the agent and stays its parent:
killing the warden ends the sandbox. Run by the keeper as `python -m labs.host.zygote FD`; it ends
when the keeper does (parent-death signal, and end of file on FD).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from labs import linux, wire
from labs.agent import agent
from labs.errors import DidNotStart, as_data
from labs.host import cage
from labs.host.order import Order

PROCESSES = 200
MEMORY_OF_A_PROCESS = 1024 * 1024 * 1024
LONGEST_FILE = 128 * 1024 * 1024


def main() -> None:
    """Serve the keeper until it is gone."""
    with contextlib.suppress(BrokenPipeError):
        _serve()


def _serve() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    linux.die_with_parent(int(sys.argv[2]), signal.SIGKILL)
    linux.set_name("cg-zygote")
    agent.warm_up()
    gc.collect()
    gc.freeze()
    wake, _wake_end = os.pipe()
    os.set_blocking(_wake_end, False)
    signal.set_wakeup_fd(_wake_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control.send(json.dumps({"ready": os.getpid()}).encode())
    wardens: set[int] = set()
    while True:
        readable, _, _ = select.select([control.fileno(), wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            wardens.discard(pid)
        if control.fileno() in readable:
            try:
                message, descriptors, _, _ = socket.recv_fds(control, 64 * 1024, 1)
            except ConnectionResetError:
                return
            if not message:
                return
            order = Order(**json.loads(message))
            pid = _fork_warden(order, descriptors[0], [control.fileno(), wake, _wake_end])
            os.close(descriptors[0])
            wardens.add(pid)
            control.send(json.dumps({"sandbox": order.sandbox, "warden": pid}).encode())


def _fork_warden(order: Order, descriptor: int, to_close: list[int]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in to_close:
            os.close(number)
        linux.die_with_parent(parent, signal.SIGKILL)
        linux.set_name("cg-warden")
        linux.adopt_orphans()
        os.setsid()
        _be_warden(order, socket.socket(fileno=descriptor))
    except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _be_warden(order: Order, to_host: socket.socket) -> NoReturn:
    """Build the cage, fork the agent, wait until either ends, then end the other."""
    _bound(resource.RLIMIT_CORE, 0)
    built = None
    if order.isolation == "cage":
        try:
            built = cage.build(Path(order.directory), Path(order.template), uid=order.uid)
        except DidNotStart as exc:
            to_host.sendall(wire.pack({"failed": as_data(exc), "detail": exc.detail}))
            os._exit(1)
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            linux.be_ended_first()
            _bound(resource.RLIMIT_AS, MEMORY_OF_A_PROCESS)
            _bound(resource.RLIMIT_FSIZE, LONGEST_FILE)
            if built is not None:
                _enter(built, order)
            else:
                linux.become(os.getuid() if order.uid is None else order.uid)
                linux.die_with_parent(warden, signal.SIGKILL)
                if order.uid is not None:
                    _bound(resource.RLIMIT_NPROC, PROCESSES)
            linux.give_up_privileges()
            linux.refuse_calls()
            agent.run(to_host, _place(order))
        except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    to_host.close()
    signal.signal(signal.SIGTERM, lambda *_: _end_all(built))
    _wait_for_end(built)
    os._exit(0)


def _enter(built: cage.Cage, order: Order) -> None:
    """Go into the cage and be its agent: the process that enters is not itself in the pid
    namespace, its child is.
    """
    linux.become(os.getuid() if order.uid is None else order.uid)
    linux.enter_namespaces(built.inside)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir(cage.CAGE_DIRECTORY)
    linux.forbid_user_namespaces()
    _bound(resource.RLIMIT_NPROC, PROCESSES)


def _bound(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))


def _wait_for_end(built: cage.Cage | None) -> None:
    """Wait for the agent (or the cage) to end; then nothing of the sandbox may stay."""
    first = True
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return
        if (
            built is not None
            and first
            and os.WIFEXITED(status)
            and os.WEXITSTATUS(status) == 0
            and pid != built.process.pid
        ):
            first = False
            continue
        _end_all(built)


def _end_all(built: cage.Cage | None) -> None:
    if built is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(built.process.pid, signal.SIGKILL)
    for child in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)


def _children() -> list[int]:
    try:
        return [
            int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        ]
    except OSError:
        return []


def _place(order: Order) -> agent.Place:
    caged = order.isolation == "cage"
    return agent.Place(
        sandbox=order.sandbox,
        slot=order.slot,
        isolation=order.isolation,
        directory=cage.CAGE_DIRECTORY if caged else Path(order.directory),
        template=cage.CAGE_TEMPLATE if caged else Path(order.template),
    )


if __name__ == "__main__":
    main()
