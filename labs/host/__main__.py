"""The labs host as a program: `python -m labs.host --redis-url URL --state DIRECTORY`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import click
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs import linux
from labs.host.host import LabsHost
from labs.host.record import Limits

OPEN_FILES = 8_192
"""Two for each sandbox and one to Redis for each call at once: more than the usual 1,024."""
LEAST_OPEN_FILES = 1_024
MAX_CONNECTIONS = 1_024
"""To Redis, for calls answered at once: a reply that finds no connection is lost."""


@click.command()
@click.option("--redis-url", envvar="REDIS_URL", required=True, help="The portal's Redis.")
@click.option(
    "--state",
    envvar="CACHEGROUND_STATE",
    type=click.Path(path_type=Path),
    required=True,
    help="A directory of its own.",
)
@click.option(
    "--isolation",
    envvar="CACHEGROUND_ISOLATION",
    default="auto",
    show_default=True,
    help="auto, cage, process or fake.",
)
@click.option(
    "--pool", envvar="CACHEGROUND_POOL", default=2, show_default=True, help="Sandboxes kept ready."
)
@click.option(
    "--room",
    envvar="CACHEGROUND_ROOM",
    default=0,
    show_default=True,
    help="Sandboxes at once; 0: as many as fit.",
)
def main(redis_url: str, state: Path, isolation: str, pool: int, room: int) -> None:
    """Own the sandboxes of this machine."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    files = _open_files()
    redis = Redis.from_url(
        redis_url,
        decode_responses=True,
        protocol=2,
        socket_timeout=5,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
        max_connections=min(MAX_CONNECTIONS, files // 4),
    )
    os.umask(0o022)
    limits = Limits(room=room, most=files // 4)
    host = LabsHost(redis, state, isolation=isolation, pool=pool, limits=limits)
    signal.signal(signal.SIGTERM, lambda *_: host.stop())
    signal.signal(signal.SIGINT, lambda *_: host.stop())
    host.serve()
    if host.given_up:
        sys.exit(f"The labs host ends: {host.given_up}.")


def _open_files() -> int:
    """How many files this process may have open, after the limit was raised as far as allowed."""
    files = linux.allow_open_files(OPEN_FILES)
    if files < LEAST_OPEN_FILES:
        raise click.ClickException(
            f"This system allows a process {files:,} open files (ulimit -n), and the labs need at "
            f"least {LEAST_OPEN_FILES:,}. Raise the limit: ulimit -n {OPEN_FILES}."
        )
    return files


if __name__ == "__main__":
    main()
