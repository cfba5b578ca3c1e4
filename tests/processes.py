"""Reading processes that may end between their listing and the reading."""

import signal
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from labs import linux
from tests.waiting import eventually


def lives(process):
    """True unless it is gone, or a zombie."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def of_the_living(processes, read):
    """What `read` gives for each process, without those that have ended meanwhile."""
    found = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found[process] = read(process)
    return found


def pause(pid):
    """Stop a process and its children, and wait until no thread of them answers."""

    def stopped():
        family = _family(pid)
        of_the_living(family, psutil.Process.suspend)
        return all(linux.is_stopped(process.pid) for process in family)

    eventually(stopped)


def resume(pid):
    """Let them go on."""
    of_the_living(_family(pid), psutil.Process.resume)


def _family(pid):
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def shared_memory() -> dict[str, int]:
    """The segments of System V's shared memory, each with the process that made it."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[1]: int(line.split()[4]) for line in lines}


def named(processes, name):
    """Those of these processes that live and whose name begins with this."""
    names = of_the_living(processes, psutil.Process.name)
    return [one for one, found in names.items() if found.startswith(name) and lives(one)]


def leaders(processes):
    """Those whose parent is not among them. A fork has its parent's name until it gives itself
    another.
    """
    pids = {process.pid for process in processes}
    parents = of_the_living(processes, psutil.Process.ppid)
    return [process for process, parent in parents.items() if parent not in pids]


@contextmanager
def stopped(processes):
    """These processes stand still meanwhile, as when their machine stalls."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
