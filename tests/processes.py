"""Reading processes that may end between their listing and the reading."""

from contextlib import suppress

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


def named(processes, name):
    """Those of these processes that live and whose name begins with this."""
    names = of_the_living(processes, psutil.Process.name)
    return [one for one, found in names.items() if found.startswith(name) and lives(one)]
