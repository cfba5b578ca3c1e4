"""A sentinel of a lab: its configuration, its question, what can be asked of it. Starts nothing.

Its configuration names its peers and the replicas (`known-sentinel`, `known-replica`, `myid`):
sentinels that have to find each other take ten seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import RespClient
from labs.engines import binaries
from labs.engines.base import Engine
from labs.engines.control import TIMEOUT_S, RespControl
from labs.engines.membership import SENTINEL
from labs.engines.redis import parse_info
from labs.errors import ServerDown
from labs.runtime.launch import Launch

GROUP = "shop"
"""What the sentinels call the replication group."""
FAILOVER_TIMEOUT_MS = 2_000
"""A failover that failed is tried again after twice this time."""
TILT_S = 30.0
"""How long a sentinel stays in TILT mode after its timer was more than 2 s late, or its clock was
set back. Until then it takes no server for down and starts no failover; it still gives its vote to
a sentinel that does.
"""
FIT_FOR = 10
"""A replica is fit to be promoted while its link to the primary is down for at most this many times
the detection time longer than the primary is known to be down.
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a sentinel watches, by public addresses: the primary at its start, the replicas, its
    peers by name, how many must agree, after how long a silence is a death, and in which epoch the
    primary became it.
    """

    primary: Address
    replicas: Sequence[Address]
    peers: Mapping[str, Address]
    quorum: int
    down_after_ms: int
    epoch: int = 0


@dataclass(frozen=True)
class Sentinel(Engine):
    """One redis-server in sentinel mode.

    `watched` is asked at each start; `secret` is the group's.
    """

    name: str
    address: Address
    public: Address
    directory: Path
    secret: str = field(repr=False)
    watched: Callable[[], Watched] = field(repr=False)
    kind = "sentinel"
    _control: RespControl[RespClient] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        client = RespClient(straight(self.address), Access(password=self.secret))
        object.__setattr__(self, "_control", RespControl(self.name, client))

    def launch(self) -> Launch:
        file = self.directory / "sentinel.conf"
        return Launch(
            argv=(str(binaries.find("redis-server")), str(file), "--sentinel"),
            env=binaries.environment(),
            files={file: self.configuration()},
        )

    def configuration(self) -> str:
        """The text of sentinel.conf. By file, for a command line can be read by all."""
        watched = self.watched()
        known = [
            f"sentinel known-replica {GROUP} {replica.host} {replica.port}"
            for replica in watched.replicas
        ]
        known += [
            f"sentinel known-sentinel {GROUP} {peer.host} {peer.port} {id_of(name)}"
            for name, peer in watched.peers.items()
        ]
        return f"""\
bind {self.address.host}
port {self.address.port}
dir {self.directory}
bind-source-addr {self.public.host}
requirepass {self.secret}
loglevel notice
set-proc-title no
crash-memcheck-enabled no
sentinel announce-ip {self.public.host}
sentinel announce-port {self.public.port}
sentinel sentinel-pass {self.secret}
sentinel myid {id_of(self.name)}
sentinel monitor {GROUP} {watched.primary.host} {watched.primary.port} {watched.quorum}
sentinel auth-user {GROUP} {SENTINEL}
sentinel auth-pass {GROUP} {self.secret}
sentinel down-after-milliseconds {GROUP} {watched.down_after_ms}
sentinel failover-timeout {GROUP} {FAILOVER_TIMEOUT_MS}
sentinel parallel-syncs {GROUP} 5
sentinel config-epoch {GROUP} {watched.epoch}
sentinel leader-epoch {GROUP} {watched.epoch}
sentinel current-epoch {watched.epoch}
""" + "".join(f"{line}\n" for line in known)

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        info = self._control.run("INFO", "server", timeout_s=timeout_s)
        return parse_info(info)["redis_version"]

    def set(self, option: str, value: int) -> None:
        """Change what it watches by, while it runs. Raises ServerDown."""
        self.run("SENTINEL", "SET", GROUP, option, value)

    def known_primary(self) -> tuple[int, Address]:
        """The primary that it knows, and the epoch in which that became so: of two sentinels the
        one with the higher epoch is right. Raises ServerDown.
        """
        reply = self.run("SENTINEL", "MASTER", GROUP)
        if not isinstance(reply, list):
            raise ServerDown(f"The {self.name} knows no primary.")
        words = [word.decode() if isinstance(word, bytes) else str(word) for word in reply]
        known = dict(zip(words[::2], words[1::2], strict=False))
        return int(known["config-epoch"]), Address(known["ip"], int(known["port"]))

    def tilt_left_s(self) -> float:
        """How many seconds it stays in TILT mode, by its own figure; 0 if it isn't in it. Raises
        ServerDown.
        """
        info = parse_info(self.run("INFO", "sentinel"))
        if info["sentinel_tilt"] == "0":
            return 0.0
        # Redis before 7.0 doesn't say since when.
        since_s = float(info.get("sentinel_tilt_since_seconds", 0))
        return max(0.1, TILT_S - since_s)

    def fail_over(self) -> None:
        """Have it begin a failover though the primary is up, and without asking the others.

        Raises ServerDown with its own words if it refuses.
        """
        self.run("SENTINEL", "FAILOVER", GROUP)

    def run(self, *words: str | int) -> object:
        """The reply to any command. Raises ServerDown, also for an error reply."""
        return self._control.run(*words)

    def close(self) -> None:
        self._control.close()


def id_of(name: str) -> str:
    """A sentinel's id: forty hexadecimal digits, the same at every start."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
