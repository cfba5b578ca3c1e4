"""Which server answered the clients of a flight recorder, by the servers' own count of commands.

A client has the addresses of two endpoints. Behind each, a listener forwards connections to
servers, so the commands are counted at the server where they arrived.
"""

from __future__ import annotations

from collections.abc import Mapping

from labs.engines.redis import parse_info
from labs.errors import NotNow, ServerDown
from labs.load.batches import flow
from labs.setups.replication.endpoints import PRIMARY_ENDPOINT, READER_ENDPOINT
from labs.setups.replication.members import Members

READ, OWN_READ, WRITE = "llen", "lindex", "rpush"
"""What the clients send. A replica executes the writes of its primary too, and none of a client."""


class Answers:
    """How many commands of the clients each member executed since it was last asked."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._before: dict[str, dict[str, int]] = {}

    def clear(self) -> None:
        """Count from now on."""
        self._before.clear()

    def flows(self, seconds: float, *, own_reads_at: str, stale_per_s: float) -> dict[str, float]:
        """Operations a second on each link from an endpoint to a member, by `flow`.

        `own_reads_at` is the endpoint where the writer reads its own writes; `stale_per_s`
        of these reads were stale, which is reported for a link only if all of them took it.
        """
        grown = {name: self._grown(name, seconds) for name in self._members.caches}
        flows: dict[str, float] = {}
        for name, calls in grown.items():
            status = self._members.statuses.get(name)
            if status is not None and status.role == "primary":
                flows[flow(f"{PRIMARY_ENDPOINT} to {name}", "write")] = calls.get(WRITE, 0.0)
            flows[flow(f"{READER_ENDPOINT} to {name}", "hit")] = calls.get(READ, 0.0)
        own = {name: calls[OWN_READ] for name, calls in grown.items() if calls.get(OWN_READ)}
        for name, rate in own.items() if own_reads_at else ():
            link = f"{own_reads_at} to {name}"
            stale = min(rate, stale_per_s) if len(own) == 1 else 0.0
            hits = flow(link, "hit")
            flows[hits] = flows.get(hits, 0.0) + rate - stale
            flows[flow(link, "stale")] = stale
        return {name: rate for name, rate in flows.items() if rate > 0}

    def _grown(self, name: str, seconds: float) -> Mapping[str, float]:
        """Calls a second since this was last asked; empty for a member that does not answer."""
        try:
            stats = parse_info(self._members.redis(name).run("INFO", "commandstats"))
        except (ServerDown, NotNow):
            self._before.pop(name, None)
            return {}
        now = {command: _calls(stats, command) for command in (READ, OWN_READ, WRITE)}
        before = self._before.get(name)
        self._before[name] = now
        if before is None:
            return {}
        # A server that was started again counts from zero.
        return {
            command: (calls - before[command] if calls >= before[command] else calls) / seconds
            for command, calls in now.items()
        }


def _calls(stats: Mapping[str, str], command: str) -> int:
    calls, _, _ = stats.get(f"cmdstat_{command}", "calls=0").partition(",")
    return int(calls.removeprefix("calls="))
