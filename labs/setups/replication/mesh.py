"""What lies between the members of a replication group and its clients: a listener in front of each
member, a path for each pair, and their faults.

A zone that is cut is cut for every path that crosses its border: of replicas, of sentinels, of
clients.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from labs.clients.address import Address
from labs.engines.sentinel import id_of
from labs.events import LinkChanged, LinkState
from labs.network.connections import BACK, BOTH, OUT
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context

WAYS = {"both": BOTH, "in": OUT, "out": BACK}
"""What is cut of a zone: both ways, what goes in, what comes out."""
_SEEN_FROM_WITHIN = {BOTH: BOTH, OUT: BACK, BACK: OUT}


class Mesh:
    """Any thread may call. `changed` is called after something was cut, slowed or made whole.

    No address of it ever changes: `public` is where the other members find one, `behind` where its
    server listens, `endpoints` where clients connect.
    """

    def __init__(self, context: Context, *, changed: Callable[[], None]) -> None:
        self._context = context
        self._network = context.network
        self._changed = changed
        self._lock = threading.RLock()
        self.public: dict[str, Address] = {}
        self.behind: dict[str, Address] = {}
        self.endpoints: dict[str, Address] = {}
        self._paths: dict[str, tuple[str, str]] = {}
        self._applied: dict[str, tuple[int, float]] = {}
        self._cuts: dict[str, str] = {}
        self._slow_zones: dict[str, float] = {}
        self._slow_pairs: dict[tuple[str, str], float] = {}
        self.zones = sorted({node.zone for node in context.lab.topology.servers if node.zone})
        self.in_force = True
        """False where pairs are slowed on the page and not in fact: a mutant."""

    def name_at(self, host: str, port: str) -> str:
        """The member at a public address, or the sentinel of an id; `host` itself if there is
        none.
        """
        for name, address in self.public.items():
            if (address.host, str(address.port)) == (host, port):
                return name
        return next((name for name in self.public if not port and host == id_of(name)), host)

    def lay(
        self, public: dict[str, Address], behind: dict[str, Address], endpoints: dict[str, Address]
    ) -> None:
        """Listen for every member and endpoint and add every path, before the servers start.

        Clients reach the members through the endpoints alone.
        """
        self.public, self.behind, self.endpoints = public, behind, endpoints
        for name, address in (public | endpoints).items():
            self._network.listen(name, address)
        for target in public:
            self._add_path(APP, target)
            for caller in public.keys() - {target}:
                self._add_path(caller, target, listener=target, host=public[caller].host)
        self.apply()

    def _add_path(self, caller: str, target: str, *, listener: str = "", host: str = "") -> None:
        name = f"{caller} to {target}"
        self._network.add_path(
            name, self.behind[target], listener=listener, caller=host, source=host
        )
        self._paths[name] = caller, target

    def forward(self, endpoint: str, names: Sequence[str]) -> None:
        """New connections to an endpoint go to these members, in turn."""
        self._network.forward(endpoint, [f"{APP} to {name}" for name in names])

    def cut(self, zone: str, way: str) -> None:
        """Cut a zone off from the others: both ways, what goes `in`, or what comes `out`."""
        self._cuts[zone] = way
        self._announce_zone(zone)

    def restore(self, zone: str) -> None:
        """Make a zone whole again."""
        self._cuts.pop(zone, None)
        self._announce_zone(zone)

    def slow_zone(self, zone: str, delay_ms: float) -> None:
        """Add this delay, each way, to everything that goes into a zone or comes out of it; 0:
        none.
        """
        self._slow_zones[zone] = delay_ms
        self._announce_zone(zone)

    def slow(self, primary: str, replica: str, delay_ms: float) -> None:
        """Add this delay, each way, to everything between a primary and a replica; 0: none."""
        self._slow_pairs[primary, replica] = delay_ms
        self._announce(f"{primary} to {replica}", self.delay_ms(primary, replica))

    def delay_ms(self, one: str, other: str) -> float:
        """The delay between two servers, each way, because their link was slowed."""
        return max(self._slow_pairs.get((one, other), 0.0), self._slow_pairs.get((other, one), 0.0))

    def total_delay_ms(self, one: str, other: str) -> float:
        """The whole delay between two servers, each way, as the page shows it: of their slowed
        link, and between their zones.
        """
        return self.delay_ms(one, other) + self._zones_delay_ms(one, other)

    @property
    def slowed_zones(self) -> list[str]:
        """The zones that are further away than the settings say."""
        return [zone for zone, delay_ms in self._slow_zones.items() if delay_ms]

    @property
    def cut_zones(self) -> list[str]:
        """The zones that are cut now."""
        return sorted(self._cuts)

    @contextlib.contextmanager
    def lost(self, name: str) -> Iterator[None]:
        """While this is entered, nothing reaches a machine or leaves it; at the end its connections
        are dropped, with everything that is still on its way.
        """
        paths = [path for path, ends in self._paths.items() if name in ends]
        with self._lock:
            self._network.cut(*paths)
            for path in paths:
                self._applied.pop(path, None)
        try:
            yield
            self._network.drop(*paths)
        finally:
            self.apply()

    def forget(self) -> None:
        """Remove every cut and every delay."""
        zones, pairs = {*self._cuts, *self._slow_zones}, list(self._slow_pairs)
        for faults in (self._cuts, self._slow_zones, self._slow_pairs):
            faults.clear()
        for zone in zones:
            self._announce_zone(zone)
        for primary, replica in pairs:
            self._announce(f"{primary} to {replica}", 0.0)

    def apply(self) -> None:
        """Put the cuts, the delays and the settings in force on every path."""
        with self._lock:
            by_state: dict[tuple[int, float], list[str]] = {}
            for name, ends in self._paths.items():
                state = self._state_of(*ends)
                if self._applied.get(name) != state:
                    by_state.setdefault(state, []).append(name)
                    self._applied[name] = state
            for (cut, delay_ms), names in by_state.items():
                self._network.set_fault(*names, cut=cut, delay_ms=delay_ms)

    def _announce_zone(self, zone: str) -> None:
        self._announce(zone, self._slow_zones.get(zone, 0.0), is_cut=zone in self._cuts)

    def _announce(self, link: str, delay_ms: float, *, is_cut: bool = False) -> None:
        """Put a fault or its repair in force, and show it."""
        self.apply()
        state: LinkState = "cut" if is_cut else "slow" if delay_ms else "open"
        self._context.emit(LinkChanged(link=link, state=state, delay_ms=delay_ms))
        self._changed()

    def _zone(self, name: str) -> str:
        if name == APP:
            return str(self._context.settings.get("client_zone", ""))
        return self._context.lab.topology.node(name).zone

    def _state_of(self, caller: str, target: str) -> tuple[int, float]:
        """Which directions of a path are cut, and by how much it is slowed."""
        one, other = self._zone(caller), self._zone(target)
        delay_ms = self.delay_ms(caller, target) if self.in_force else 0.0
        cut = 0
        for zone, way in list(self._cuts.items()):
            if one != other and zone == other:
                cut |= WAYS[way]
            elif one != other and zone == one:
                cut |= _SEEN_FROM_WITHIN[WAYS[way]]
        return cut, delay_ms + self._zones_delay_ms(caller, target)

    def _zones_delay_ms(self, caller: str, target: str) -> float:
        """The delay between the zones of two servers; 0 within one."""
        one, other = self._zone(caller), self._zone(target)
        if one == other:
            return 0.0
        between = float(self._context.settings.get("zone_delay_ms", 0.0))
        return between + self._slow_zones.get(one, 0.0) + self._slow_zones.get(other, 0.0)
