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
    """A Postgres in a directory, behind a socket in another; `durable=False` is for tests."""

    def __init__(self, data: Path, sockets: Path, *, uid: int, durable: bool = True) -> None:
        self.data = data
        self.sockets = sockets
        self.uid = uid
        self.durable = durable
        self.url = f"postgresql://{NAME}@/{NAME}?host={sockets}"

    def launch(self) -> Launch:
        """Make its directory or clear what a killed one left (or CannotServe); how to start it.

        It stops at once if its parent dies: the next start replays its log, and nothing is lost.
        """
        if self.data.exists():
            self._clear_pid_file()
        else:
            self._initialise()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "max_connections": str(CONNECTIONS),
            "fsync": "on" if self.durable else "off",
            "jit": "off",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            # Without it the log quotes the row that was refused, and with it the learner's id.
            "log_error_verbosity": "terse",
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
        """True once the process of this id accepts connections: its own pid file says so."""
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _initialise(self) -> None:
        # initdb and CREATE DATABASE need a user with a name; the finished directory does not.
        maker = _named_user(self.uid)
        # Made next to the portal's directory, which the maker can't enter, and moved when it is
        # whole.
        workshop = self.data.parent.parent / ".making"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        try:
            if os.geteuid() == 0:
                os.chown(workshop, maker, maker)
            data, share = workshop / "data", unpacked_share()
            words = "--auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-instructions".split()
            if share:
                words += ["-L", str(share)]
            if not self.durable:
                words.append("--no-sync")
            self._make([find_program("initdb"), "-D", data, "-U", NAME, *words], maker, workshop)
            single, statement = find_program("postgres"), f"CREATE DATABASE {NAME}\n"
            self._make([single, "--single", "-D", data, "postgres"], maker, workshop, statement)
            if os.geteuid() == 0:
                _give(data, self.uid)
            os.rename(data, self.data)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)

    def _make(self, argv: list[str | Path], maker: int, directory: Path, stdin: str = "") -> None:
        ended = subprocess.run(
            argv,
            cwd=directory,
            env=program_environment(),
            input=stdin,
            text=True,
            capture_output=True,
            preexec_fn=before_exec(signal.SIGKILL),
            **as_user(maker),
        )
        if ended.returncode != 0:
            end = ended.stderr.strip()[-2000:]
            raise CannotServe(f"The portal's Postgres could not be made: {end}")

    def _clear_pid_file(self) -> None:
        """After a crash another process may have the id in it, and Postgres would not start."""
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
    """A Redis in memory; full, it drops what has a lifetime, the least used first."""

    def __init__(self, directory: Path, sockets: Path, *, uid: int) -> None:
        self.directory = directory
        self.socket = sockets / "redis.sock"
        self.uid = uid
        self.url = f"unix://{self.socket}"

    def launch(self) -> Launch:
        """Make its directory and clear a socket that a killed one left; how to start it."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.directory, self.uid, self.uid)
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
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
    """True if this process is the Postgres of this directory: it works in it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == directory.resolve()
    return False
