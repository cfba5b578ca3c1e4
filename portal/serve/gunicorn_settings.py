"""How gunicorn serves the portal: `-c python:portal.serve.gunicorn_settings`.

The address is given on the command line.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
from pathlib import Path
from typing import Any

from portal.serve.child import die_with_parent
from portal.web.stream import stop_on_signals

worker_class = "gthread"
workers = 2
# A stream keeps a thread, and connections are not spread evenly: each worker has more threads than
# the streams it takes (portal.web.hub.PER_WORKER).
threads = 544
OPEN_FILES = 4_096
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


def when_ready(server: Any) -> None:
    """What has been imported stays: neither the collector nor the end need to walk through it."""
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """A worker does not outlive its master: the port must be free for the next one."""
    die_with_parent(worker.ppid, signal.SIGKILL)
    # A socket for each stream and one to Redis for each thread are more than 1,024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def post_worker_init(worker: Any) -> None:
    """A worker that is asked to stop ends its streams, which would keep their threads."""
    stop_on_signals(worker.wsgi)
