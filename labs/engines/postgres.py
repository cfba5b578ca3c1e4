"""A lab's Postgres: its configuration, its roles, its question, its counters.

Starts nothing, and copies no data directory.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals

import psycopg

from labs.clients.access import Access
from labs.clients.address import Address
from labs.clients.postgres import BoundedConnection, Row, connect
from labs.engines import binaries
from labs.engines.base import DatabaseEngine
from labs.engines.control import TIMEOUT_S, down
from labs.errors import DidNotStart
from labs.linux import LONGEST_SOCKET
from labs.runtime.launch import Launch

AGENT, READER, APPLICATION, LEARNER = "lab_agent", "lab_reader", "shop_app", "learner"

# The agent and the console connect by the socket, in a directory of its own; the application by TCP
# with a password. A role may always change its own password: a learner's must not be needed.
HOST_BASED_ACCESS = f"""\
local all {AGENT},{READER},{LEARNER} trust
host all {AGENT},{READER},{LEARNER} all reject
host shop all all scram-sha-256
"""

# The agent is a superuser, and the schema `shop` is the learner's: it must never call, nor look at,
# what stands there.
_COUNTERS = (
    "SELECT extract(epoch FROM pg_postmaster_start_time())::float8, (SELECT coalesce(sum(calls), 0)"
    f"::float8 FROM public.pg_stat_statements(false) WHERE userid = '{APPLICATION}'::regrole)"
)


@dataclass(frozen=True)
class Postgres(DatabaseEngine):
    """One Postgres over a copy of the shop's template in `directory / "data"`.

    `password` is for the role `shop_app` (the application).
    """

    name: str
    address: Address
    directory: Path
    password: str = field(repr=False)
    kind = "postgres"
    _ours: _Ours = field(init=False, repr=False, compare=False)
    _reader: _Ours = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ours", _Ours(self, AGENT))
        object.__setattr__(self, "_reader", _Ours(self, READER))

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def _socket_path(self) -> str:
        return str(self.data / f".s.PGSQL.{self.address.port}")

    def launch(self) -> Launch:
        if len(os.fsencode(self._socket_path)) > LONGEST_SOCKET:
            raise DidNotStart(
                "The sandbox's directory has too long a name for a socket.",
                hint="Keep the project's data under a shorter path.",
                detail=self._socket_path,
            )
        return Launch(
            argv=(str(binaries.find("postgres")), "-D", str(self.data)),
            env=binaries.environment(),
            files={
                self.data / "postgresql.conf": configuration(self.address, self.data),
                self.data / "pg_hba.conf": HOST_BASED_ACCESS,
            },
            # KILL would leave its children and postmaster.pid behind; QUIT is a crash that cleans
            # up.
            death_signal=Signals.SIGQUIT,
            stop_signal=Signals.SIGINT,
        )

    def listens(self) -> bool:
        """True once postmaster.pid says `ready` in its eighth line: it listens long before it
        accepts clients, and a refused connection costs 0.7 ms of CPU.

        After a kill the file is the old server's until the new one replaces it: `ready` decides.
        """
        with contextlib.suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        return False

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        """The server's version once it answers SELECT 1 and has this sandbox's passwords."""
        return self._ours.ready(timeout_s)

    def counters(self) -> dict[str, float]:
        started, calls = self._ours.row(_COUNTERS)
        return {"run": started, "queries": calls}

    def query(self, statement: str, parameters: Mapping[str, object]) -> tuple[object, ...]:
        # As a role without rights: a learner may have put a view with a function of their own where
        # a table was.
        return self._reader.row(statement, dict(parameters))

    def access(self, user: str) -> Access:
        if user == LEARNER:
            return Access(user, socket=self._socket_path)
        return Access(user, self.password)

    def after_restart(self) -> str:
        return "It has replayed its log: what was committed is there."

    def blocked_by(self, pid: int) -> list[int]:
        """The processes that this one waits for, by pg_blocking_pids. Raises ServerDown."""
        (pids,) = self._ours.row("SELECT pg_blocking_pids(%(pid)s)", {"pid": pid})
        return list(pids or ())

    def close(self) -> None:
        self._ours.close()
        self._reader.close()


class _Ours:
    """A connection of our own, as the agent or the reader: one caller at a time, any thread."""

    def __init__(self, server: Postgres, user: str) -> None:
        self._server = server
        self._user = user
        self._lock = threading.Lock()
        self._connection: BoundedConnection | None = None
        self._has_passwords = False

    def ready(self, timeout_s: float) -> str:
        with self._lock:
            connection = self._asked("SELECT 1", None, timeout_s)[0]
            if not self._has_passwords:
                secret = scram_verifier(self._server.password)
                self._asked(f"ALTER ROLE {APPLICATION} PASSWORD '{secret}'", None, timeout_s)
                self._has_passwords = True
            return (connection.info.parameter_status("server_version") or "").split(" ")[0]

    def row(self, statement: str, parameters: Mapping[str, object] | None = None) -> Row:
        with self._lock:
            return self._asked(statement, parameters, TIMEOUT_S)[1]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _asked(
        self, statement: str, parameters: Mapping[str, object] | None, timeout_s: float
    ) -> tuple[BoundedConnection, Row]:
        try:
            connection = self._connected(timeout_s)
            cursor = connection.execute(statement.encode(), parameters)
            return connection, (cursor.fetchone() if cursor.description else None) or (None,)
        except (psycopg.Error, OSError) as exc:
            self._drop()
            raise down(self._server.name, exc) from exc

    def _connected(self, timeout_s: float) -> BoundedConnection:
        if self._connection is not None and self._connection.ended():
            self._drop()
        if self._connection is None:
            self._connection = connect(
                host=str(self._server.data),
                port=self._server.address.port,
                user=self._user,
                timeout_s=timeout_s,
                application="agent",
            )
            self._connection.prepare_threshold = 1
        self._connection.timeout_s = timeout_s
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def configuration(address: Address, data: Path) -> str:
    """The text of postgresql.conf: small, in memory, nothing to survive a power cut for."""
    return f"""\
listen_addresses = '{address.host}'
port = {address.port}
unix_socket_directories = '{data}'
unix_socket_permissions = 0700
max_connections = 40
# A statement whose caller has gone ends, even one that switched its own timeout off.
client_connection_check_interval = 1s
superuser_reserved_connections = 3
# The tables of locks are filled at the start, 1 MB by default: 640 objects and 640 predicates are
# plenty for one learner.
max_locks_per_transaction = 16
max_pred_locks_per_transaction = 16
password_encryption = 'scram-sha-256'
shared_buffers = 16MB
work_mem = 2MB
maintenance_work_mem = 8MB
temp_file_limit = 64MB
max_parallel_workers_per_gather = 0
max_worker_processes = 2
jit = off
# A sandbox is thrown away: its data need not outlive the machine, only the server.
fsync = off
full_page_writes = off
# A commit is written before it is answered: a killed server loses none.
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
wal_buffers = 256kB
min_wal_size = 2MB
max_wal_size = 16MB
checkpoint_timeout = 30min
# Two processes less.
# The shop's changes of a price are pruned where they stand, and a sandbox lives for hours at most.
autovacuum = off
max_logical_replication_workers = 0
dynamic_shared_memory_type = mmap
shared_preload_libraries = 'pg_stat_statements'
# The application's statements alone (its role switches it on):
# 500 of the learner's would drive them out, and their count with them.
pg_stat_statements.track = none
pg_stat_statements.track_utility = off
pg_stat_statements.save = off
pg_stat_statements.max = 500
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
# The log says what went wrong. The statement may have a password in it, and is left out.
log_min_error_statement = panic
log_line_prefix = '%t '
"""


def scram_verifier(password: str) -> str:
    """What Postgres stores for a password.

    One iteration: many slow down guessing, and a random secret can't be guessed; a client pays for
    each at every connection.
    """
    salt, iterations = secrets.token_bytes(16), 1
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"
