"""The warm process that every agent is forked from: it has imported all that an agent needs, has
one thread and holds nothing else.

For each sandbox it forks a *monitor*, which builds the cage, forks the agent and stays its parent:
killing the monitor ends the sandbox. Run by the supervisor as `python -m labs.host.zygote FD PID
ISOLATION LAYERS TEMPLATE`; it ends when the supervisor PID does (parent-death signal, and end of
file on FD).
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
from labs.host import cage, isolation, overlay
from labs.host.spawn import SpawnRequest

PROCESSES = 200
OPEN_FILES = 1_024
"""Of each process of a sandbox, as usual: the labs host may open more."""
MEMORY_OF_A_PROCESS = 1024 * 1024 * 1024
LONGEST_FILE = 128 * 1024 * 1024


def main() -> None:
    """Serve the supervisor until it is gone."""
    with contextlib.suppress(BrokenPipeError):
        _serve()


def _serve() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    linux.die_with_parent(int(sys.argv[2]), signal.SIGKILL)
    linux.set_name("cg-zygote")
    try:
        chosen = isolation.choose(sys.argv[3])
    except DidNotStart as exc:
        sys.stderr.write(f"{exc} {exc.detail}\n")
        _say(control, {"failed": as_data(exc)})
        return
    layers = overlay.prepare(Path(sys.argv[4]), Path(sys.argv[5]))
    agent.warm_up()
    gc.collect()
    # A sandbox's first objects would fill the gaps between these, and copy a page for each gap.
    _gaps = [bytes(size) for size in range(0, 480, 16) for _ in range(16_384 // (size + 33))]
    gc.freeze()
    wake, _wake_end = os.pipe()
    os.set_blocking(_wake_end, False)
    signal.set_wakeup_fd(_wake_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _say(
        control,
        {"ready": os.getpid(), "isolation": chosen, "room": str(layers.room) if layers else ""},
    )
    monitors: dict[int, str] = {}
    ours = [control.fileno(), wake, _wake_end]
    while True:
        readable, _, _ = select.select([control.fileno(), wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
        _report_ended(control, monitors)
        if control.fileno() in readable and not _start_one(control, layers, monitors, ours):
            return


def _report_ended(control: socket.socket, monitors: dict[int, str]) -> None:
    """Reap the monitors that have ended, and say so."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            _say(control, {"ended": monitors.pop(pid, ""), "status": status})


def _start_one(
    control: socket.socket,
    layers: overlay.Layers | None,
    monitors: dict[int, str],
    to_close: list[int],
) -> bool:
    """Start what the supervisor asks for next; False if it is gone."""
    try:
        message, descriptors, _, _ = socket.recv_fds(control, 64 * 1024, 1)
    except ConnectionResetError:
        return False
    if not message:
        return False
    request = SpawnRequest(**json.loads(message))
    try:
        pid = _fork_monitor(request, layers, descriptors[0], to_close)
    except OSError as exc:
        # The others live on: a machine may have no process left for a moment.
        _refuse(descriptors[0], exc)
        _say(control, {"ended": request.sandbox, "status": 1 << 8})
        return True
    os.close(descriptors[0])
    monitors[pid] = request.sandbox
    _say(control, {"started": request.sandbox, "monitor": pid})
    return True


def _say(control: socket.socket, message: dict[str, object]) -> None:
    control.send(json.dumps(message).encode())


def _refuse(descriptor: int, error: OSError) -> None:
    """Say to the host, as the sandbox would, why there is none."""
    failed = DidNotStart("The labs' machine can start no other process just now.")
    with socket.socket(fileno=descriptor) as to_host, contextlib.suppress(OSError):
        to_host.sendall(wire.pack({"failed": as_data(failed), "detail": str(error)}))


def _fork_monitor(
    request: SpawnRequest, layers: overlay.Layers | None, descriptor: int, to_close: list[int]
) -> int:
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
        linux.set_name("cg-monitor")
        linux.adopt_orphans()
        os.setsid()
        _be_monitor(request, layers, socket.socket(fileno=descriptor))
    except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _be_monitor(
    request: SpawnRequest, layers: overlay.Layers | None, to_host: socket.socket
) -> NoReturn:
    """Build the cage, fork the agent, wait until either ends, then end the other."""
    _bound(resource.RLIMIT_CORE, 0)
    monitor, built = os.getpid(), None
    may_enter, ready = os.pipe()
    try:
        if layers is not None and request.uid is not None:
            overlay.mount(layers, Path(request.directory), request.uid)
        # Forked while the cage is built, so that its first milliseconds cost no time of their own.
        child = os.fork()
        if child == 0:
            os.close(ready)
            _be_agent(request, may_enter, monitor, to_host)
        os.close(may_enter)
        if request.isolation == "cage":
            built = cage.build(Path(request.directory), Path(request.template), uid=request.uid)
    except DidNotStart as exc:
        to_host.sendall(wire.pack({"failed": as_data(exc), "detail": exc.detail}))
        os._exit(1)
    os.write(ready, str(built.inside if built else 0).encode())
    os.close(ready)
    to_host.close()
    signal.signal(signal.SIGTERM, lambda *_: _end_all(built))
    _wait_for_end(built, child)
    os._exit(0)


def _be_agent(
    request: SpawnRequest, may_enter: int, monitor: int, to_host: socket.socket
) -> NoReturn:
    """Wait for the cage, go into it and be its agent; 0 on the pipe: there is none to go into. End
    if the pipe ends, for then it could not be built.
    """
    try:
        linux.be_ended_first()
        _bound(resource.RLIMIT_AS, MEMORY_OF_A_PROCESS)
        _bound(resource.RLIMIT_FSIZE, LONGEST_FILE)
        _bound(resource.RLIMIT_NOFILE, OPEN_FILES)
        linux.become(os.getuid() if request.uid is None else request.uid)
        linux.die_with_parent(monitor, signal.SIGKILL)
        if not (inside := os.read(may_enter, 32)):
            os._exit(1)
        os.close(may_enter)
        if request.isolation == "cage":
            _enter(int(inside))
        elif request.uid is not None:
            _bound(resource.RLIMIT_NPROC, PROCESSES)
        linux.give_up_privileges()
        linux.refuse_calls()
        agent.run(to_host, _place(request))
    except BaseException:  # noqa: BLE001 - the edge of a process: nothing is above
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _enter(inside: int) -> None:
    """Go into the cage that the process `inside` is in: who enters is not itself in the pid
    namespace, its child is.
    """
    linux.enter_namespaces(inside)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir(cage.CAGE_DIRECTORY)
    linux.forbid_user_namespaces()
    _bound(resource.RLIMIT_NPROC, PROCESSES)


def _bound(kind: int, most: int) -> None:
    """Allow just this much, or what is allowed here if that is less."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))


def _wait_for_end(built: cage.Cage | None, child: int) -> None:
    """Wait for the agent (or the cage) to end; then nothing of the sandbox may stay.

    Into a cage the child only leads: the agent is a child of its own, which it leaves to the
    monitor. Without a cage the child is the agent, and the monitor is left the orphans of servers,
    too, whose end is none of the sandbox's.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return
        led_the_way = built is not None and pid == child and status == 0
        is_orphan = built is None and pid != child
        if not (led_the_way or is_orphan):
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


def _place(request: SpawnRequest) -> agent.Place:
    caged = request.isolation == "cage"
    return agent.Place(
        sandbox=request.sandbox,
        slot=request.slot,
        isolation=request.isolation,
        directory=cage.CAGE_DIRECTORY if caged else Path(request.directory),
        template=cage.CAGE_TEMPLATE if caged else Path(request.template),
    )


if __name__ == "__main__":
    main()
