"""What makes a redis-server the member of a replication group: the address that the others know it
by, and the primary that it follows when it starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.clients.address import Address

REPLICATION, SENTINEL = "replication", "sentinel"
"""The users under which replicas and sentinels come."""
_SENTINEL_MAY = (
    "+multi +exec +slaveof +replicaof +ping +subscribe +config|rewrite +role "
    "+publish +info +client|setname +client|kill +script|kill"
)


@dataclass(frozen=True, slots=True)
class Membership:
    """`public` leads to the server through the links of the caller; `follows` returns at each start
    the primary of a replica, None for a primary; with fewer than `min_replicas` it refuses to
    write.
    """

    public: Address
    secret: str = field(repr=False)
    follows: Callable[[], Address | None]
    min_replicas: Callable[[], int] = int

    def directives(self) -> str:
        """Lines of redis.conf.

        The server connects to others from its public address, by which links recognise it.
        """
        primary = self.follows()
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        lines = f"""\
bind-source-addr {self.public.host}
replica-announce-ip {self.public.host}
replica-announce-port {self.public.port}
masteruser {REPLICATION}
masterauth {self.secret}
repl-diskless-sync yes
repl-diskless-sync-delay 0
rdb-del-sync-files yes
repl-ping-replica-period 1
repl-timeout 60
min-replicas-to-write {self.min_replicas()}
min-replicas-max-lag 1
user {REPLICATION} on #{digest} +psync +replconf +ping
user {SENTINEL} on #{digest} &* {_SENTINEL_MAY}
"""
        return lines + (f"replicaof {primary.host} {primary.port}\n" if primary else "")
