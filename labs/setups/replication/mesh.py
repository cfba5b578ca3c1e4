"""What lies between the members of a replication group and its clients: a listener in front of each
member, a path for each pair, and their faults.

A zone that is cut is cut for every path that crosses its border: of replicas, of sentinels, of
clients.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from labs.clients.address import Address
from labs.engines.sentinel import id_of
from labs.errors import BadInput, NotNow
from labs.events import LinkChanged
from labs.network.connections import BACK, BOTH, OUT
from labs.sandbox.addresses import APP
from labs.sandbox.context import Context

WAYS = {"both": BOTH, "in": OUT, "out": BACK}
"""What is cut of a zone: both ways, what goes in, what comes out."""
_SEEN_FROM_WITHIN = {BOTH: BOTH, OUT: BACK, BACK: OUT}


class Mesh:
    """Any thread may call. `changed` is called after something was cut, slowed or made whole."""

    def __init__(self, context: Context, *, changed: Callable[[], None]) -> None:
        self._context = context
        self._network = context.network
        self._changed = changed
        self._lock = threading.RLock()
        self._public: dict[str, Address] = {}
        self._behind: dict[str, Address] = {}
        self._endpoints: dict[str, Address] = {}
        self._paths: dict[str, tuple[str, str]] = {}
        self._applied: dict[str, tuple[int, float]] = {}
        self._cuts: dict[str, str] = {}
        self._slow_zones: dict[str, float] = {}
        self._slow_pairs: dict[tuple[str, str], float] = {}
        self.zones = sorted({node.zone for node in context.lab.topology.servers if node.zone})
        self.in_force = True
        """False where pairs are slowed on the page and not in fact: a mutant."""

    def place(
        self,
        public: Mapping[str, Address],
        endpoints: Mapping[str, Address],
        behind: Mapping[str, Address],
    ) -> None:
        """Set the addresses: the public ones of the servers, those of the endpoints, and those
        where the servers themselves listen.
        """
        self._public, self._endpoints, self._behind = dict(public), dict(endpoints), dict(behind)

    def public(self, name: str) -> Address:
        """The address at which the other members know this one; it never changes."""
        return self._public[name]

    def behind(self, name: str) -> Address:
        """Where a member's server itself listens."""
        return self._behind[name]

    def endpoint(self, name: str) -> Address | None:
        """The address of an endpoint, which never changes; None if there is no such endpoint."""
        return self._endpoints.get(name)

    def name_at(self, host: str, port: str) -> str:
        """The member at a public address, or the sentinel of an id; `host` itself if there is
        none.
        """
        for name, address in self._public.items():
            if (address.host, str(address.port)) == (host, port):
                return name
        return next((name for name in self._public if not port and host == id_of(name)), host)

    def lay(self, caches: Sequence[str]) -> None:
        """Listen for every member and add every path, before the servers start.

        Clients reach the caches, through endpoints.
        """
        for name, address in self._public.items():
            self._network.listen(name, address)
        for target in self._public:
            for caller, address in self._public.items():
                if caller != target:
                    self._add_path(caller, target, from_host=address.host)
        for name in caches:
            self._add_path(APP, name)
        for name, address in self._endpoints.items():
            self._network.listen(name, address)
        self.apply()

    def forward(self, endpoint: str, names: Sequence[str]) -> None:
        """New connections to an endpoint go to these members, in turn."""
        self._network.forward(endpoint, [f"{APP} to {name}" for name in names])

    def _add_path(self, caller: str, target: str, *, from_host: str = "") -> None:
        """Add a path to a server: for the member that connects from `from_host`, or for the
        clients, which come through an endpoint.
        """
        name = f"{caller} to {target}"
        self._network.add_path(
            name,
            self._behind[target],
            listener=target if from_host else "",
            caller=from_host,
            source=from_host,
        )
        self._paths[name] = caller, target

    def cut(self, zone: str, way: str) -> None:
        """Cut a zone off from the others: both ways, what goes `in`, or what comes `out`."""
        if zone not in self.zones or way not in WAYS:
            raise BadInput(
                f"No zone {zone[:20]!r} can be cut {way[:10]!r}.",
                hint="There are " + ", ".join(self.zones) + "; both, in, out.",
            )
        self._cuts[zone] = way
        self._tell_zone(zone)

    def restore(self, zone: str) -> None:
        """Make a zone whole again. Raises NotNow if it is."""
        if self._cuts.pop(zone, None) is None:
            raise NotNow(f"{zone.capitalize()} is whole.")
        self._tell_zone(zone)

    def slow_zone(self, zone: str, delay_ms: float) -> None:
        """Add this delay, each way, to everything that goes into a zone or comes out of it; 0:
        none.
        """
        if zone not in self.zones:
            raise BadInput(
                f"There is no zone {zone[:20]!r}.", hint="There are " + ", ".join(self.zones) + "."
            )
        self._slow_zones[zone] = delay_ms
        self._tell_zone(zone)

    def slow(self, primary: str, replica: str, delay_ms: float) -> None:
        """Add this delay, each way, to everything between a primary and a replica; 0: none."""
        self._slow_pairs[primary, replica] = delay_ms
        self._tell_pair(primary, replica)

    def delay_ms(self, one: str, other: str) -> float:
        """The delay between two servers, each way, because their link was slowed."""
        return max(self._slow_pairs.get((one, other), 0.0), self._slow_pairs.get((other, one), 0.0))

    def total_delay_ms(self, one: str, other: str) -> float:
        """The whole delay between two servers, each way, as the page shows it: of their slowed
        link, and between their zones.
        """
        return self.delay_ms(one, other) + self._zones_delay_ms(one, other)

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
            self._applied = {
                path: state for path, state in self._applied.items() if path not in paths
            }
        try:
            yield
            self._network.drop(*paths)
        finally:
            self.apply()

    def forget(self) -> None:
        """Remove every cut and every delay."""
        zones, pairs = {*self._cuts, *self._slow_zones}, list(self._slow_pairs)
        self._cuts.clear()
        self._slow_zones.clear()
        self._slow_pairs.clear()
        for zone in zones:
            self._tell_zone(zone)
        for primary, replica in pairs:
            self._tell_pair(primary, replica)

    def apply(self) -> None:
        """Put every path into the state that cuts, delays and settings ask for."""
        with self._lock:
            by_state: dict[tuple[int, float], list[str]] = {}
            for name, ends in self._paths.items():
                state = self._state_of(*ends)
                if self._applied.get(name) != state:
                    by_state.setdefault(state, []).append(name)
                    self._applied[name] = state
            for (cut, delay_ms), names in by_state.items():
                self._network.set_fault(*names, cut=cut, delay_ms=delay_ms)

    def _tell_zone(self, zone: str) -> None:
        self.apply()
        delay_ms = self._slow_zones.get(zone, 0.0)
        self._context.emit(
            LinkChanged(
                link=zone,
                state="cut" if zone in self._cuts else "slow" if delay_ms else "open",
                delay_ms=delay_ms,
            )
        )
        self._changed()

    def _tell_pair(self, primary: str, replica: str) -> None:
        self.apply()
        delay_ms = self.delay_ms(primary, replica)
        self._context.emit(
            LinkChanged(
                link=f"{primary} to {replica}",
                state="slow" if delay_ms else "open",
                delay_ms=delay_ms,
            )
        )

    def _zone(self, name: str) -> str:
        return (
            str(self._context.settings.get("client_zone", ""))
            if name == APP
            else self._context.lab.topology.node(name).zone
        )

    def _state_of(self, caller: str, target: str) -> tuple[int, float]:
        """Which directions of a path are cut, and by how much it is slowed."""
        one, other = self._zone(caller), self._zone(target)
        delay_ms = self.delay_ms(caller, target) if self.in_force else 0.0
        if one == other:
            return 0, delay_ms
        cut = 0
        for zone, way in list(self._cuts.items()):
            if zone == other:
                cut |= WAYS[way]
            elif zone == one:
                cut |= _SEEN_FROM_WITHIN[WAYS[way]]
        return cut, delay_ms + self._zones_delay_ms(caller, target)

    def _zones_delay_ms(self, caller: str, target: str) -> float:
        """The delay between the zones of two servers; 0 within one."""
        one, other = self._zone(caller), self._zone(target)
        if one == other:
            return 0.0
        between = float(self._context.settings.get("zone_delay_ms", 0.0))
        return between + self._slow_zones.get(one, 0.0) + self._slow_zones.get(other, 0.0)
