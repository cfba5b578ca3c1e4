"""How many files and processes the system allows the site, and how many connections that makes."""

from __future__ import annotations

import resource

from portal.serve.places import CannotServe

OPEN_FILES = 8_192
LEAST_OPEN_FILES = 1_024
"""With fewer, memcached does not start, and the portal Redis has no connection for a crowd."""
LEAST_PROCESSES = 128
"""Of all parts without a sandbox, with a few threads in each worker."""
OWN_FILES = 64
"""Of a web worker: logs, listener, pipes, what it imports, connections to Postgres."""
EACH = 4
"""A connection has a descriptor, its thread may have two more to the portal Redis, and while it is
answered another one may be closing.
"""


def raise_open_files() -> int:
    """How many files this process may have open, after its limit was raised as far as allowed.

    Children inherit it. Raises CannotServe where nothing can work with it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard))
    if soft == resource.RLIM_INFINITY:
        return OPEN_FILES
    if limit < LEAST_OPEN_FILES:
        raise CannotServe(
            f"This system allows a process {limit:,} open files (ulimit -n), and Cacheground needs "
            f"at least {LEAST_OPEN_FILES:,}. Raise the limit: ulimit -n {OPEN_FILES}."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def raise_processes() -> None:
    """Let this user have as many processes and threads as allowed.

    Raises CannotServe where the parts of the site alone are more.
    """
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY and hard < LEAST_PROCESSES:
        raise CannotServe(
            f"This system allows a user {hard} processes and threads (ulimit -u), and Cacheground "
            f"needs at least {LEAST_PROCESSES}. Raise the limit: ulimit -u 4096."
        )
    resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))


def connections_with(open_files: int) -> int:
    """How many connections a web worker can keep with that many open files."""
    return max(1, (open_files - OWN_FILES) // EACH)
