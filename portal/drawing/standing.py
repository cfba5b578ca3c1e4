"""How a replication group stands: what its drawing wears and says for the state of a sandbox.
static/js/group.js says the same of events.

Reads the state as `SandboxState.to_data` gives it. Refuses to know where things stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labs import Topology
from portal.drawing.group_wires import Way

Crown = Literal["worn", "was", ""]
Seen = Literal["on", "gone", "off"]

LONGEST, LONGEST_OF_APP = 33, 38
WORDS_OF_STATE = {
    "starting": "is starting",
    "up": "",
    "paused": "is paused",
    "down": "is down",
    "stopped": "has stopped",
}
AWAY = ("down", "stopped")
SAYINGS = {
    "+sdown": "no answer from {}",
    "-sdown": "hears {} again",
    "+odown": "{} is down, enough agree",
    "-failover-abort-no-good-slave": "no replica is fit",
    "-failover-abort-not-elected": "was not elected",
    "+convert-to-slave": "makes {} a replica",
}
RATES = ("flight_writes_per_s", "flight_reads_per_s")
SENSES = ("write", "hit")


@dataclass(frozen=True, slots=True)
class Standing:
    """A group at one moment.

    The first endpoint of the topology is the primary's, the second the readers'.
    """

    topology: Topology
    state: Mapping[str, Any]

    def state_of(self, server: str) -> str:
        """The state of a server."""
        return str(self._known(server).get("state", "stopped"))

    def empty(self, server: str) -> bool:
        """True if nothing stands there: it was taken away, or waits and was not added."""
        return (
            self._known(server).get("state", "stopped" if self.topology.node(server).waits else "")
            == "stopped"
        )

    @property
    def client_zone(self) -> str:
        """The zone that the clients live in, if they live in one."""
        return str(self.state.get("settings", {}).get("client_zone", ""))

    @property
    def zone_delay_ms(self) -> float:
        """What a way from zone to zone takes each way."""
        return float(self.state.get("settings", {}).get("zone_delay_ms", 0.0))

    def crossed(self, way: Way) -> tuple[str, str]:
        """The zones that a wire leaves and enters, empty if it stays in one.

        An endpoint is a name and in no zone: who goes through it comes from the clients'.
        """
        if way.kind == "asks" and way.target.engine == "endpoint":
            return "", ""
        source = way.source.zone or self.client_zone
        return ("", "") if source == way.target.zone else (source, way.target.zone)

    def role(self, server: str) -> str:
        """primary, replica, none, or nothing if it was never told."""
        return str(self.state.get("roles", {}).get(server, {}).get("role", ""))

    def primary_of(self, server: str) -> str:
        """Whom a replica follows, by its own word; empty if nobody."""
        return (
            str(self.state.get("roles", {}).get(server, {}).get("of", ""))
            if self.role(server) == "replica"
            else ""
        )

    def targets(self, endpoint: str) -> list[str]:
        """Where an endpoint leads."""
        return list(self.state.get("endpoints", {}).get(endpoint, []))

    def crown(self, server: str) -> Crown:
        """Worn by the primary that the primary endpoint leads to; hollow over any other that calls
        itself one, or is down as one.
        """
        if self.role(server) != "primary":
            return ""
        return (
            "worn"
            if server in self.targets(self.topology.of_engine("endpoint")[0].name)
            and self.state_of(server) not in AWAY
            else "was"
        )

    def moved(self, source: str, target: str) -> bool:
        """True if a crown went from one to the other, either way, and the former one is
        still seen.
        """
        return {self.crown(source), self.crown(target)} == {"worn", "was"}

    def words(self, server: str) -> str:
        """The second line of a cache: what is wrong with it, or its role."""
        if self.empty(server):
            return "no replica here"
        state, why = self._known(server).get("state", ""), self._known(server).get("why", "")
        if said := WORDS_OF_STATE.get(state, ""):
            return shortened(f"{said}: {why}" if why else said)
        if self.crown(server) == "was" and any(
            self.crown(node.name) == "worn" for node in self.topology.servers
        ):
            return "still calls itself primary"
        return {
            "primary": "primary",
            "replica": f"replica of {self.primary_of(server) or 'nobody yet'}",
        }.get(self.role(server), "")

    def listed(self, server: str) -> str:
        """Its state and role in one line, for those who do not see the drawing."""
        state, words = (
            self.state_of(server),
            self.words(server) if self.topology.node(server).engine != "sentinel" else "",
        )
        return (
            words
            if words and (WORDS_OF_STATE.get(state, "") or self.empty(server))
            else f"{state}, {words}"
            if words
            else state
        )

    def told(self, server: str) -> list[str]:
        """Two lines of figures, empty where there are none."""
        longest = LONGEST_OF_APP if self.topology.node(server).engine == "app" else LONGEST
        lines = (
            []
            if self.empty(server)
            else [shortened(line, longest) for line in self.state.get("told", {}).get(server, [])]
        )
        return [*lines, "", ""][:2]

    def leads(self, endpoint: str) -> str:
        """The second line of an endpoint: whom it leads to."""
        if endpoint not in self.state.get("endpoints", {}):
            return ""
        targets = self.targets(endpoint)
        return (
            "to nobody"
            if not targets
            else f"to {', '.join(targets)}"
            if len(targets) < 3
            else f"to {len(targets)} servers in turn"
        )

    def seen(self, way: Way) -> Seen:
        """If a wire is in use, was until now, or is not."""
        one, two = way.source.name, way.target.name
        if way.kind == "asks":
            return "on"
        if way.kind == "leads":
            return (
                "on"
                if two in self.targets(one)
                else "gone"
                if one == self.topology.of_engine("endpoint")[0].name and self.crown(two) == "was"
                else "off"
            )
        if self.primary_of(two) != one or self.state_of(two) in AWAY:
            return "off"
        return "gone" if self.state_of(one) in AWAY else "on"

    def way_state(self, way: Way) -> str:
        """open, slow or cut: its own, or that of a zone whose border it crosses."""
        states = [self.link_state(name) for name in (way.link, *self.crossed(way)) if name]
        return next((state for state in ("cut", "slow") if state in states), "open")

    def cut_at(self, way: Way) -> str:
        """Where a cut wire shows it: at its source if that is in a zone that is cut, else at its
        target.
        """
        return (
            "source"
            if way.source.zone and self.link_state(self.crossed(way)[0]) == "cut"
            else "target"
        )

    def flow(self, way: Way) -> str:
        """What travels a wire by the last reading: write, hit, or nothing."""
        names = [node.name for node in self.topology.of_engine("endpoint")]
        endpoint = way.target.name if way.kind == "asks" else way.source.name
        index = names.index(endpoint) if endpoint in names else len(RATES)
        if index >= len(RATES) or self.state.get("reading", {}).get(RATES[index], 0) <= 0:
            return ""
        return SENSES[index] if self._is_travelled(way) else ""

    def _is_travelled(self, way: Way) -> bool:
        """True for a wire in use; for one that was, too, if the one in use leads to nobody in
        reach: connections outlive an endpoint's move.
        """
        if way.kind == "asks":
            return self.way_state(way) != "cut"
        seen = self.seen(way)
        if seen == "off" or not self.reaches(way.source.name, way.target.name):
            return False
        return seen == "on" or not any(
            self.reaches(way.source.name, target) for target in self.targets(way.source.name)
        )

    def reaches(self, endpoint: str, server: str) -> bool:
        """True if what the clients send there arrives: the server is up, and no zone between them
        is cut.
        """
        zone = self.topology.node(server).zone
        cut = zone != self.client_zone and "cut" in (
            self.link_state(zone),
            self.link_state(self.client_zone),
        )
        return (
            self.state_of(server) == "up"
            and not cut
            and self.link_state(f"{endpoint} to {server}") != "cut"
        )

    def link_state(self, name: str) -> str:
        """open, slow or cut."""
        return str(self.state.get("links", {}).get(name, {}).get("state", "open"))

    def delay(self, name: str) -> str:
        """How much slower it is made, shortly."""
        delay_ms = float(self.state.get("links", {}).get(name, {}).get("delay_ms", 0.0))
        return f"+{delay_ms / 1000:g} s" if delay_ms >= 1000 else f"+{delay_ms:g} ms"

    def zone_words(self, zone: str) -> str:
        """What is wrong with a zone, and if the clients are there."""
        wrong = {"slow": f"{self.delay(zone)} each way", "cut": "cut off"}.get(
            self.link_state(zone), ""
        )
        return ", ".join(
            filter(None, (wrong, "with the clients" if zone == self.client_zone else ""))
        )

    def app_words(self, app: str) -> str:
        """The second line of the application: what it told, where it lives, or what the lab says of
        it.
        """
        if told := self.told(app)[0]:
            return told
        between = f", {self.zone_delay_ms:g} ms between zones" if self.zone_delay_ms else ""
        return (
            f"in {self.client_zone}{between}" if self.client_zone else self.topology.node(app).about
        )

    def sentinel_words(self, sentinel: str) -> str:
        """What is wrong with a sentinel, or the last that it said."""
        if said := WORDS_OF_STATE.get(self._known(sentinel).get("state", ""), ""):
            return said
        last = next((entry for entry in self._sayings() if entry["sentinel"] == sentinel), None)
        return self._saying(last["event"], last["words"]) if last else ""

    def _saying(self, event: str, words: str) -> str:
        """What a sentinel said, in as few words as there is room for."""
        subject = next((node.name for node in self.topology.servers if node.name in words), "")
        short = SAYINGS.get(event, "")
        return shortened(
            short.format(subject) if short and (subject or "{}" not in short) else words
        )

    def is_leader(self, sentinel: str) -> bool:
        """True if it was the last to be elected."""
        return next(
            (
                entry["sentinel"] == sentinel
                for entry in self._sayings()
                if entry["event"] == "+elected-leader"
            ),
            False,
        )

    def _known(self, server: str) -> Mapping[str, str]:
        """What was told of a server: nothing before a bench is open."""
        known: Mapping[str, str] = self.state.get("servers", {}).get(server, {})
        return known

    def _sayings(self) -> list[dict[str, Any]]:
        """What sentinels said, the last first."""
        return [
            entry
            for entry in reversed(self.state.get("timeline", []))
            if entry.get("type") == "sentinel-said"
        ]


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text, or as much of it as has room."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
