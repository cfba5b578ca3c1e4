"""The portal's own Postgres and Redis as private processes on unix sockets: no port, no password, a
directory that only their user can enter.

Postgres keeps fsync on: what the portal acknowledged has to survive. Redis keeps nothing on disk:
it holds only what may be lost.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from portal.serve.child import Launch, as_user, before_exec
from portal.serve.places import CannotServe
from portal.serve.programs import find_program, program_environment, unpacked_share

NAME = "cacheground"
CONNECTIONS = 120
ORPHAN_S = 8.0


class EmbeddedPostgres:
    """A Postgres in one directory, behind one socket directory; both belong to `uid`.

    `durable=False` is for tests.
    """

    def __init__(self, data: Path, sockets: Path, *, uid: int, durable: bool = True) -> None:
        self.data = data
        self.sockets = sockets
        self.uid = uid
        self.durable = durable
        self.url = f"postgresql://{NAME}@/{NAME}?host={sockets}"

    def prepare(self) -> bool:
        """Make the directory if there is none yet; True if it was made.

        Clears what a killed one left. Raises CannotServe.
        """
        if not self.data.exists():
            self._initialise()
            return True
        self._clear_pid_file()
        return False

    def launch(self) -> Launch:
        """How to start it.

        An immediate shutdown if the parent dies: the next start replays its log, and nothing is
        lost.
        """
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "max_connections": str(CONNECTIONS),
            "fsync": "on" if self.durable else "off",
            "jit": "off",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
        }
        argv: list[str | Path] = [
            find_program("postgres"),
            "-D",
            self.data,
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]
        return Launch(
            name="postgres",
            argv=argv,
            environment=program_environment(),
            directory=self.data,
            uid=self.uid,
            stop_signal=signal.SIGINT,
            stop_s=15.0,
            death_signal=signal.SIGQUIT,
        )

    def answers(self, pid: int) -> bool:
        """True once the process of this id accepts connections: it writes so into its own
        pid file.
        """
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _initialise(self) -> None:
        """initdb and CREATE DATABASE need a user with a name; the finished directory runs under
        any.
        """
        maker = _named_user(self.uid)
        # Made next to the portal's directory, which the maker can't enter, and moved when it is
        # whole.
        workshop = self.data.parent.parent / ".making"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        try:
            if os.geteuid() == 0:
                os.chown(workshop, maker, maker)
            share = unpacked_share()
            shared: list[str | Path] = ["-L", share] if share else []
            self._make(
                [
                    find_program("initdb"),
                    "-D",
                    workshop / "data",
                    "-U",
                    NAME,
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--no-instructions",
                    *shared,
                    *([] if self.durable else ["--no-sync"]),
                ],
                maker,
                workshop,
            )
            self._make(
                [find_program("postgres"), "--single", "-D", workshop / "data", "postgres"],
                maker,
                workshop,
                said=f"CREATE DATABASE {NAME}\n",
            )
            if os.geteuid() == 0:
                _give(workshop / "data", self.uid)
            os.rename(workshop / "data", self.data)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)

    def _make(self, argv: list[str | Path], maker: int, directory: Path, said: str = "") -> None:
        ended = subprocess.run(
            argv,
            cwd=directory,
            env=program_environment(),
            input=said,
            text=True,
            capture_output=True,
            preexec_fn=before_exec(signal.SIGKILL),
            **as_user(maker),
        )
        if ended.returncode != 0:
            raise CannotServe(
                f"The portal's Postgres could not be made: {ended.stderr.strip()[-2000:]}"
            )

    def _clear_pid_file(self) -> None:
        """After a crash of the machine the id in the file may be another process's by now, and
        Postgres would refuse to start.
        """
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            end = time.monotonic() + ORPHAN_S
            while _runs_in(pid, self.data):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT)
                if time.monotonic() > end:
                    raise CannotServe(
                        f"Process {pid} still uses {self.data}. End it, then start again."
                    )
                time.sleep(0.05)
            pid_file.unlink(missing_ok=True)


class EmbeddedRedis:
    """A Redis in memory, behind one socket.

    Full, it drops what has a lifetime, the least used first.
    """

    def __init__(
        self, directory: Path, sockets: Path, *, uid: int, maxmemory_mb: int = 256
    ) -> None:
        self.directory = directory
        self.socket = sockets / "redis.sock"
        self.uid = uid
        self.maxmemory_mb = maxmemory_mb
        self.url = f"unix://{self.socket}"

    def prepare(self) -> None:
        """Make its directory and clear a socket that a killed one left."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.directory, self.uid, self.uid)
        self.socket.unlink(missing_ok=True)

    def launch(self) -> Launch:
        """How to start it."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{self.maxmemory_mb}mb",
            "maxmemory-policy": "volatile-lru",
            "daemonize": "no",
        }
        argv: list[str | Path] = [
            find_program("redis-server"),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]
        return Launch(
            name="redis",
            argv=argv,
            environment=program_environment(),
            directory=self.directory,
            uid=self.uid,
        )

    def answers(self) -> bool:
        """True once it answers a PING."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.5)
            client.connect(str(self.socket))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False


def _named_user(uid: int) -> int:
    """The current user, or for root a harmless one that has an entry in the password file."""
    if os.geteuid() != 0:
        return uid
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise CannotServe(
        "This machine has neither a user `postgres` nor `nobody`; Postgres can't be set up as root."
    )


def _give(directory: Path, uid: int) -> None:
    for folder, _, files in os.walk(directory):
        os.chown(folder, uid, uid)
        for name in files:
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)


def _runs_in(pid: int, directory: Path) -> bool:
    """True if this process is the Postgres of this directory: that is where it has its working
    directory.
    """
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == directory.resolve()
    return False
