"""Made-up replication groups for the page of patterns: how a group is drawn when all is well, after
a failover, cut in two, and without a replica.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from labs.client import find
from labs.lab import Topology
from portal import drawing

PRIMARY, READER = "primary-endpoint", "reader-endpoint"
ELECTED = "+elected-leader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A group in some state, with a sentence."""

    title: str
    strong: str
    more: str
    group: Topology
    roles: dict[str, str]
    leads: tuple[list[str], list[str]]
    servers: dict[str, tuple[str, str]] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    sentinels: dict[str, tuple[str, str]] = field(default_factory=dict)
    rates: tuple[float, float] = (200.0, 400.0)

    @property
    def wide(self) -> drawing.Group | drawing.Drawing:
        """The drawing for a wide page."""
        return drawing.wide(self.group)

    @property
    def narrow(self) -> drawing.Group | drawing.Drawing:
        """The drawing for a phone."""
        return drawing.narrow(self.group)

    @property
    def state(self) -> dict[str, Any]:
        """What the drawing's script is given."""
        servers = {
            node.name: {"state": "up", "why": "", "version": "7.0.15"}
            for node in self.group.servers
        }
        servers |= {
            name: {"state": state, "why": why, "version": ""}
            for name, (state, why) in self.servers.items()
        }
        elected = [name for name, (event, _) in self.sentinels.items() if event == ELECTED]
        return {
            "servers": servers,
            "figures": self.figures,
            "links": self.links,
            "endpoints": dict(zip((PRIMARY, READER), self.leads, strict=True)),
            "roles": {
                name: {
                    "role": "primary" if of == "primary" else "replica" if of else "none",
                    "of": of if of != "primary" else "",
                }
                for name, of in self.roles.items()
            },
            "sentinels": {
                name: {"event": event, "words": words}
                for name, (event, words) in self.sentinels.items()
            },
            "leader": elected[-1] if elected else "",
            "flows": self._flows,
        }

    @property
    def _flows(self) -> dict[str, float]:
        """As if each server behind an endpoint had counted as much as the others there."""
        flows: dict[str, float] = {}
        for name, link, sense, rate, servers in zip(
            (PRIMARY, READER),
            ("to-primary", "to-reader"),
            ("write", "hit"),
            self.rates,
            self.leads,
            strict=True,
        ):
            flows[f"{link} {sense}"] = rate
            flows |= {f"{name} to {server} {sense}": rate / len(servers) for server in servers}
        return flows


FAILOVER, REPLICAS = find("failover").topology, find("read-replicas").topology
ALONE = Topology(
    tuple(replace(node, waits=node.name in ("cache-002", "cache-003")) for node in FAILOVER.nodes),
    FAILOVER.links,
)

SAMPLES = (
    Sample(
        title="A group in three zones, all well",
        strong="cache-001 is the primary.",
        more="Two replicas follow it; readers ask them in turn.",
        group=FAILOVER,
        roles={"cache-001": "primary", "cache-002": "cache-001", "cache-003": "cache-001"},
        leads=(["cache-001"], ["cache-002", "cache-003"]),
        figures={
            "app": ["200 writes and 400 reads a second"],
            "cache-001": ["writes 200/s · acknowledged 6,360", "replicas 2"],
            "cache-002": ["reads 200/s", "lag 0 bytes"],
            "cache-003": ["reads 200/s", "lag 0 bytes"],
        },
    ),
    Sample(
        title="After a failover",
        strong="cache-002 is the primary now.",
        more="The client writes again through the same endpoint, 2.24 s after the kill.",
        group=FAILOVER,
        roles={"cache-001": "primary", "cache-002": "primary", "cache-003": "cache-002"},
        leads=(["cache-002"], ["cache-003"]),
        servers={"cache-001": ("down", "kill -9")},
        figures={
            "app": ["settings unchanged since the start"],
            "cache-001": ["last acknowledged no. 4,812", "received by a replica: 4,805"],
            "cache-002": ["writes 200/s · acknowledged 6,360", "replicas 1"],
            "cache-003": ["reads 400/s", "lag 0 bytes"],
        },
        sentinels={
            "sentinel-a": ("+sdown", "cannot reach cache-001"),
            "sentinel-c": ("+sdown", "agrees"),
            "sentinel-b": (ELECTED, "leader, epoch 1"),
        },
    ),
    Sample(
        title="A zone cut off: two primaries",
        strong="cache-001 still takes writes, because it does not see the new primary.",
        more="Each of them will be lost when the zone is whole again.",
        group=FAILOVER,
        roles={"cache-001": "primary", "cache-002": "cache-003", "cache-003": "primary"},
        leads=(["cache-003"], ["cache-002"]),
        links={
            "zone a": {"state": "cut", "delay_ms": 0.0},
            "zone b": {"state": "slow", "delay_ms": 20.0},
        },
        figures={
            "app": ["settings unchanged since the start"],
            "cache-001": ["acknowledged alone 1,204", "replicas 0"],
            "cache-002": ["reads 400/s", "lag 1,412 bytes, 41 ms"],
            "cache-003": ["writes 200/s · acknowledged 7,110", "replicas 1"],
        },
        sentinels={
            "sentinel-a": ("+sdown", "cannot reach cache-002"),
            "sentinel-b": ("+sdown", "agrees"),
            "sentinel-c": (ELECTED, "leader, epoch 3"),
        },
    ),
    Sample(
        title="No replica, and the primary is down",
        strong="No server can take over.",
        more="The endpoint leads nowhere; what cache-001 held is gone.",
        group=ALONE,
        rates=(0.0, 0.0),
        roles={"cache-001": "primary", "cache-002": "", "cache-003": ""},
        leads=([], []),
        servers={
            "cache-001": ("down", "killed"),
            "cache-002": ("stopped", ""),
            "cache-003": ("stopped", ""),
            "sentinel-a": ("down", "killed"),
            "sentinel-c": ("paused", ""),
        },
        sentinels={"sentinel-b": ("-failover-abort-no-good-slave", "no replica to promote")},
    ),
    Sample(
        title="Places for five replicas, one link slow",
        strong="cache-003 is 41 ms behind.",
        more="Its link is slowed by 20 ms each way.",
        group=REPLICAS,
        roles={
            "cache-001": "primary",
            "cache-002": "cache-001",
            "cache-003": "cache-001",
            "cache-004": "cache-001",
            "cache-005": "",
            "cache-006": "cache-001",
        },
        leads=(["cache-001"], ["cache-002", "cache-003", "cache-004"]),
        servers={"cache-005": ("stopped", ""), "cache-006": ("starting", "copies the data set")},
        figures={
            "cache-001": ["writes 200/s", "replicas 3"],
            "cache-002": ["reads 133/s", "lag 0 bytes"],
            "cache-003": ["reads 133/s", "lag 8,213 bytes, 41 ms"],
            "cache-004": ["reads 133/s", "lag 0 bytes"],
        },
        links={
            "cache-001 to cache-003": {"state": "slow", "delay_ms": 20.0},
            "cache-001 to cache-004": {"state": "cut", "delay_ms": 0.0},
        },
    ),
)
