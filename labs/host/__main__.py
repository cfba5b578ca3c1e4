"""The labs host as a program: `REDIS_URL=… python -m labs.host --state DIRECTORY`.

The portal's Redis is named in the environment only: everybody on the machine can read arguments,
and its password may be in it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from labs import linux
from labs.environment import LABS_SETTINGS, forget_foreign
from labs.errors import LabsError
from labs.host.host import LabsHost
from labs.host.isolation import KINDS
from labs.host.portal_redis import check_redis_url
from labs.host.record import Limits

OPEN_FILES = 8_192
"""Two for each sandbox and one to Redis for each call at once: more than the usual 1,024."""
LEAST_OPEN_FILES = 1_024
MAX_CONNECTIONS = 1_024
"""To Redis, for calls answered at once: a reply that finds no connection is lost."""


@click.command()
@click.option(
    "--state",
    envvar="CACHEGROUND_STATE",
    show_envvar=True,
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A directory of its own.",
)
@click.option(
    "--isolation",
    envvar="CACHEGROUND_ISOLATION",
    show_envvar=True,
    type=click.Choice(["auto", *KINDS]),
    default="auto",
    show_default=True,
    help="How sandboxes are kept apart.",
)
@click.option(
    "--pool",
    envvar="CACHEGROUND_POOL",
    show_envvar=True,
    type=click.IntRange(0, 100),
    default=2,
    show_default=True,
    help="Sandboxes kept ready.",
)
@click.option(
    "--room",
    envvar="CACHEGROUND_ROOM",
    show_envvar=True,
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="Sandboxes at once; 0: as many as fit.",
)
def main(state: Path, isolation: str, pool: int, room: int) -> None:
    """Own the sandboxes of this machine."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    files = _open_files()
    redis = Redis.from_url(
        _redis_url(),
        decode_responses=True,
        protocol=2,
        socket_timeout=5,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
        max_connections=min(MAX_CONNECTIONS, files // 4),
    )
    forget_foreign(LABS_SETTINGS)
    os.umask(0o022)
    # Until there is a host that can be stopped: what is half built is taken away.
    signal.signal(signal.SIGTERM, _stop_starting)
    limits = Limits(room=room, most=files // 4)
    try:
        host = LabsHost(redis, state, isolation=isolation, pool=pool, limits=limits)
        signal.signal(signal.SIGTERM, lambda *_: host.stop())
        signal.signal(signal.SIGINT, lambda *_: host.stop())
        host.serve()
    except LabsError as exc:
        sys.exit("\n".join(filter(None, (str(exc), exc.hint, exc.detail))))
    if host.given_up:
        sys.exit(f"The labs host ends: {host.given_up}.")


def _stop_starting(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal would end what takes away what is half built.
    signal.signal(number, signal.SIG_IGN)
    sys.exit("The labs host was stopped while it started.")


def _redis_url() -> str:
    raw = os.environ.get("REDIS_URL", "").strip()
    try:
        return check_redis_url(raw) if raw else sys.exit("REDIS_URL is missing.")
    except ValueError as exc:
        sys.exit(f"REDIS_URL: {exc}.")


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
