"""How gunicorn serves the portal: `-c python:portal.serve.gunicorn_settings`.

The address is given on the command line.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

from portal.serve.child import die_with_parent
from portal.serve.limits import raise_open_files
from portal.serve.places import CannotServe
from portal.web.stream import leave_room, stop_on_signals

worker_class = "portal.serve.worker.Worker"
workers = 2
# A stream keeps a thread, and connections are not spread evenly: each worker has more threads than
# the streams it takes (portal.web.hub.PER_WORKER).
threads = 544
# More than threads: requests that still arrive and idle connections have none. Fewer where the
# system allows fewer open files (portal.serve.limits).
worker_connections = 2_000
timeout = 30
graceful_timeout = 3
keepalive = 5
# Imported once, in the master: a worker then costs a fork, and shares its memory.
preload_app = True
control_socket_disable = True
# The heartbeat of a worker is a file: on a slow disk it would look like a hang.
worker_tmp_dir = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) and Path("/dev/shm").is_dir() else None
)


def on_starting(server: Any) -> None:
    """Where too few files may be open, one sentence says so instead of workers that die."""
    try:
        raise_open_files()
    except CannotServe as exc:
        sys.exit(str(exc))


def when_ready(server: Any) -> None:
    """What has been imported stays: neither the collector nor the end need to walk through it."""
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """A worker does not outlive its master: the port must be free for the next one."""
    die_with_parent(worker.ppid, signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """A worker that is asked to stop ends its streams, which would keep their threads. They leave
    room for pages where it has few connections.
    """
    stop_on_signals(worker.wsgi)
    leave_room(worker.wsgi, worker.worker_connections)
