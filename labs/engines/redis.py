"""A lab's redis-server or valkey-server: its configuration, its users, its question, its counters.

Starts nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Literal

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import Command, ReplyError, RespClient, Word
from labs.clients.tls import Tls
from labs.engines import binaries
from labs.engines.base import CacheEngine
from labs.engines.control import TIMEOUT_S, RespControl
from labs.engines.identity import Identity
from labs.engines.membership import Membership
from labs.errors import ServerDown
from labs.runtime.launch import Launch

_LEARNER = (
    "sanitize-payload ~* &* +@all -@admin -@dangerous -@scripting +info +keys +flushdb +flushall "
    "+sort +sort_ro +role +lastsave +swapdb +slowlog|get +slowlog|len +slowlog|reset +slowlog|help "
    "+latency|histogram +latency|history +latency|latest +latency|doctor +latency|graph "
    "+latency|reset +latency|help +client|list +client|unblock +cluster|replicas +cluster|slaves "
    "+cluster|count-failure-reports -client|reply"
)
_NOTHING, _REPLAYS = "resetkeys resetchannels -@all", "~* &* +@all"
"""No client can log in as a user that is off.

But a start replays the append-only file as `default`, and leaves out each transaction that this
user may not run.
"""
_SCRIPTS = (
    " +eval +evalsha +eval_ro +evalsha_ro +script|load +script|exists +script|flush +script|kill "
    "+script|help +fcall +fcall_ro +function|load +function|list +function|delete +function|flush "
    "+function|stats +function|kill +function|help"
)


@dataclass(frozen=True)
class Redis(CacheEngine):
    """One redis-server.

    `password` is for the users `learner` (the console) and `shop` (the application); ours is
    `labctl`, with a secret of its own.

    `program` is what is started: redis-server or valkey-server. With `traced` its files lie in a
    folder of their own, and its syncs there are traced. A `member` belongs to a replication
    group. `directives` stand at the end of its configuration and hold where they differ from ours.
    `scripts` lets both users run Lua, which the memory budget, the wall of a cage and the sandbox's
    watchdog bound.
    `appendonly` has every write in a file, which the next start replays.
    With an `identity` it speaks TLS, and nothing else.
    """

    name: str
    address: Address
    directory: Path
    password: str = field(repr=False)
    maxmemory_mb: int = 32
    maxmemory_policy: str = "allkeys-lru"
    scripts: bool = False
    appendonly: bool = False
    program: str = "redis-server"
    traced: bool = False
    directives: Mapping[str, str] = field(default_factory=dict)
    member: Membership | None = None
    identity: Identity | None = None
    kind = "redis"
    _secret: str = field(init=False, repr=False, compare=False)
    _control: RespControl[_CountingClient] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_secret", secrets.token_hex(32))
        client = _CountingClient(straight(self.address), self._own_access)
        object.__setattr__(self, "_control", RespControl(self.name, client))

    def launch(self) -> Launch:
        file = self.directory / "redis.conf"
        return Launch(
            argv=(str(binaries.find(self.program)), str(file)),
            env=binaries.environment(),
            files={file: self.configuration()},
            death_signal=Signals.SIGKILL,
            stop_signal=Signals.SIGTERM,
            data=self.data if self.traced else None,
        )

    @property
    def data(self) -> Path:
        """The folder of its snapshot and its append-only file."""
        return self.directory / "data" if self.traced else self.directory

    def configuration(self) -> str:
        """The text of redis.conf. By file, for a command line can be read by all."""
        return (
            f"""\
bind {self.address.host}
port {self.address.port}
dir {self.data}
save ""
appendonly {"yes" if self.appendonly else "no"}
auto-aof-rewrite-min-size 16mb
maxmemory {self.maxmemory_mb}mb
maxmemory-policy {self.maxmemory_policy}
maxmemory-clients 24mb
maxclients 256
proto-max-bulk-len 8mb
client-query-buffer-limit 16mb
client-output-buffer-limit normal 16mb 8mb 10
client-output-buffer-limit pubsub 8mb 2mb 10
busy-reply-threshold 1000
enable-protected-configs no
enable-debug-command no
enable-module-command no
set-proc-title no
crash-memcheck-enabled no
loglevel notice
user default off resetpass {_REPLAYS if self._appends else _NOTHING}
user labctl on #{_digest(self._secret)} ~* &* +@all
user learner on #{_digest(self.password)} {self.rights}
user shop on #{_digest(self.password)} {self.rights}
"""
            + (self._tls(self.identity) if self.identity else "")
            + (self.member.directives() if self.member else "")
            + "".join(f"{name} {value}\n" for name, value in self.directives.items())
        )

    def _tls(self, identity: Identity) -> str:
        return (
            f"port 0\ntls-port {self.address.port}\ntls-cert-file {identity.certificate}\n"
            f"tls-key-file {identity.key}\ntls-ca-cert-file {identity.authority}\n"
            'tls-auth-clients no\ntls-protocols "TLSv1.2 TLSv1.3"\n'
        )

    @property
    def _own_access(self) -> Access:
        return Access("labctl", self._secret, self.trusted)

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        info = self.info("server", "persistence", timeout_s=timeout_s)
        if info.get("loading") == "1":
            # INFO is answered while the append-only file is replayed; nothing else is.
            raise ServerDown(f"The {self.name} is still loading.")
        if "valkey_version" in info:
            return f"Valkey {info['valkey_version']}"
        return info["redis_version"]

    @property
    def _appends(self) -> bool:
        return self.appendonly or self.directives.get("appendonly") == "yes"

    def counters(self) -> dict[str, float]:
        """Our own commands are taken off `operations`."""
        words = "INFO", "server", "stats", "clients", "memory", "keyspace"
        info, sent = self._control.ask(
            lambda client: (parse_info(client.command(*words)), client.sent)
        )
        return {
            "run": float(int(info["run_id"][:12], 16)),
            "hits": float(info["keyspace_hits"]),
            "misses": float(info["keyspace_misses"]),
            # INFO is counted after it has been answered: it does not count itself.
            "operations": float(info["total_commands_processed"]) - (sent - 1),
            "evicted": float(info["evicted_keys"]),
            "expired": float(info["expired_keys"]),
            "items": float(
                sum(_keys(found) for name, found in info.items() if re.fullmatch(r"db\d+", name))
            ),
            "bytes": float(info["used_memory"]),
            "connections": float(info["connected_clients"]),
        }

    def flush(self) -> None:
        self.run("FLUSHALL", "SYNC")

    def scan(self) -> list[bytes]:
        """Every key, sorted: those that are there all the while, once each. Raises ServerDown."""
        found: set[bytes] = set()
        cursor = b"0"
        while True:
            reply = self.run("SCAN", cursor, "COUNT", 1_000)
            assert isinstance(reply, list)
            cursor = reply[0]
            found.update(reply[1])
            if cursor == b"0":
                return sorted(found)

    def keys(self) -> list[str]:
        """Every key as text, sorted. Raises ServerDown."""
        return sorted(key.decode(errors="backslashreplace") for key in self.scan())

    def held_bytes(self) -> float:
        """What the keys and their values take: MEMORY USAGE of each. Raises ServerDown."""
        usages = self.run_all([("MEMORY", "USAGE", key) for key in self.scan()])
        return float(sum(usage for usage in usages if isinstance(usage, int)))

    def run(self, *words: Word) -> object:
        """The reply to any command, as `labctl`; not counted as an operation of the cache.

        Raises ServerDown, also for an error reply.
        """
        return self._control.run(*words)

    def run_all(self, commands: Sequence[Command], timeout_s: float = TIMEOUT_S) -> list[object]:
        """The replies to several commands, sent at once, as `labctl`; an error reply is an
        exception among them. Raises ServerDown.
        """
        return self._control.ask(lambda client: client.pipeline(commands), timeout_s)

    def info(self, *sections: str, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
        """The fields of these sections of INFO. Raises ServerDown."""
        return parse_info(self._control.run("INFO", *sections, timeout_s=timeout_s))

    def held_up_by(self) -> Literal["nothing", "a script", "a command"]:
        """What keeps it from answering at this moment, as far as a client can see."""
        with contextlib.suppress(ServerDown):
            self.info("server")  # our own commands are counted on that connection
            return "nothing"
        match self._asked_alone("PING"):
            case ReplyError() as error if str(error).startswith("BUSY "):
                return "a script"
            case None:
                return "a command"
        return "nothing"

    def end_script(self) -> str:
        """End the script or the function that runs, and return the command that did it; empty for
        a script that has written already, which no command ends.
        """
        for command in ("SCRIPT KILL", "FUNCTION KILL"):
            reply = self._asked_alone(*command.split())
            error = str(reply) if isinstance(reply, ReplyError) else ""
            if error.startswith("UNKILLABLE "):
                return ""
            if not error.startswith("BUSY "):
                return command
        return ""

    def _asked_alone(self, *words: Word) -> object:
        """The reply on a connection that asks nothing else first; None if there is none in time."""
        client = RespClient(straight(self.address), self._own_access, timeout_s=TIMEOUT_S)
        with contextlib.closing(client), contextlib.suppress(OSError):
            return client.command(*words)
        return None

    def item(self, key: str) -> tuple[str, float] | None:
        value = self.run("GET", key)
        left = self.run("PTTL", key)
        if not isinstance(value, bytes) or not isinstance(left, int) or left == -2:
            return None
        return value.decode(errors="backslashreplace"), left if left < 0 else left / 1000

    def count(self) -> int:
        size = self.run("DBSIZE")
        return size if isinstance(size, int) else 0

    def access(self, user: str) -> Access:
        return Access(user, self.password, self.trusted)

    @property
    def trusted(self) -> Tls | None:
        """What a client needs for TLS with it; None if it has none."""
        return self.identity.trusted if self.identity else None

    @property
    def rights(self) -> str:
        """What a client of a learner may do, as rules of ACL SETUSER."""
        rights = _LEARNER + (_SCRIPTS if self.scripts else "")
        if self.member:
            # The sentinels agree on the primary over one channel, which is for them alone.
            rights = rights.replace(" &*", "", 1)
        return rights

    def after_restart(self) -> str:
        if self.traced:
            return "What its files held is there again."
        if self.appendonly:
            return "It has replayed its append-only file: what was written is there."
        return super().after_restart()

    def close(self) -> None:
        self._control.close()


@dataclass(frozen=True)
class Valkey(Redis):
    """One valkey-server, which speaks as Redis does."""

    program: str = "valkey-server"
    kind = "valkey"


class _CountingClient(RespClient):
    """Counts what it sends to one process of the server: another process begins at zero."""

    sent = 0
    _run_id = ""

    def command(self, *words: Word) -> object:
        self.connect()  # a new process begins the count
        self.sent += 1
        return super().command(*words)

    def pipeline(self, commands: Sequence[Command]) -> list[object]:
        self.connect()
        self.sent += len(commands)
        return super().pipeline(commands)

    def _greet(self) -> None:
        super()._greet()
        run_id = parse_info(super().command("INFO", "server"))["run_id"]
        self.sent = 2 + (self.sent if run_id == self._run_id else 0)
        self._run_id = run_id


def parse_info(reply: object) -> dict[str, str]:
    """The fields of an INFO reply. Raises ValueError if it is none, as while the server loads."""
    if not isinstance(reply, bytes):
        raise ValueError(str(reply))
    return dict(
        line.split(":", 1) for line in reply.decode(errors="replace").splitlines() if ":" in line
    )


def _keys(keyspace: str) -> int:
    return int(dict(part.split("=", 1) for part in keyspace.split(","))["keys"])


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
