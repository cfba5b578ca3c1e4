"""Reading processes that may end between their listing and the reading."""

import signal
from contextlib import contextmanager, suppress

import psutil


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
