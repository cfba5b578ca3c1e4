"""Failovers one after the other, each with another fault, and each counted twice: by the lab, and
by what the clients report and the survivors hold, asked through their consoles.

The two counts share nothing but the clients' own words and the servers: the lab reads the list as
its user, inside the sandbox; this reads it as the learner, outside.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from labs.errors import LabsError
from labs.events import (
    EndpointMoved,
    Entry,
    MachineStalled,
    OperationsRecorded,
    RecordSaved,
    ServerChanged,
    TiltChanged,
)
from labs.headless import own_supervisor
from labs.host.supervisor import SandboxSupervisor

FAULTS = ("kill-primary", "lose-primary", "pause-primary", "cut-zone", "planned")
UNDONE_BY = {"pause-primary": "resume", "cut-zone": "heal"}
A_SANDBOX = 10
"""The number of failovers after which the next sandbox is opened."""
CHUNK = 1_000
OVER_S = 45.0
OUT_OF_TILT_S = 90.0
"""Sentinels stay in TILT mode for 30 s, and begin again when the machine stalls again."""
ATTEMPTS = 3
UNDO = ("heal", "resume", "bring-back", "end-flight")


@dataclass(frozen=True, slots=True)
class Counted:
    """A failover and both counts of what it lost. `problem` is empty if all went as it should."""

    fault: str
    promoted: str
    downtime_ms: float
    acknowledged: int
    lost: int
    recounted: int
    problem: str = ""


class Outside:
    """A sandbox of the lab failover as seen from outside: by its events and its consoles."""

    def __init__(
        self,
        supervisor: SandboxSupervisor,
        *,
        settings: dict[str, object] | None = None,
        mutant: str = "",
    ) -> None:
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self.acknowledged: set[int] = set()
        self.known_lost: set[int] = set()
        self.primary = ""
        self.states: dict[str, str] = {}
        self.records: list[RecordSaved] = []
        self.acknowledged_then: set[int] = set()
        self.runs = 0
        self.tilted: set[str] = set()
        self.stalls = self.disturbed = 0
        self.id = supervisor.open(
            "failover", dict(settings or {}), on_event=self._on_event, mutant=mutant
        )
        self.act("start")

    def act(self, name: str, **fields: str) -> None:
        """One of the lab's actions; `start` starts the clients."""
        if name == "start":
            self.runs += 1
            self.acknowledged.clear()
            self.known_lost.clear()
            self._supervisor.call(self.id, "load", verb="start")
            self.wait(lambda: len(self.acknowledged) > 50, 10.0, "the clients began")
        else:
            if name in FAULTS:
                self.wait_out_of_tilt()
            self._supervisor.call(self.id, "action", name=name, fields=fields, deadline_s=20.0)

    def choose(self, name: str, value: object) -> None:
        """Set a control of the lab."""
        self._supervisor.call(self.id, "set", name=name, value=value)

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str) -> None:
        """Return as soon as it is so. Raises TimeoutError."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"In {deadline_s:g} s it did not come to be that {what}.")
            time.sleep(0.02)

    def wait_out_of_tilt(self) -> None:
        """Return when no sentinel is in TILT mode. Raises TimeoutError."""
        self.wait(lambda: not self.tilted, OUT_OF_TILT_S, "every sentinel left TILT mode")

    def fail_over(self, fault: str) -> Counted:
        """One fault, until it is over and every server is back; both counts. What the machine's
        stalls have disturbed is not judged: it is put right and done again. Raises TimeoutError if
        they disturb ATTEMPTS of them.
        """
        for _ in range(ATTEMPTS):
            self.wait_out_of_tilt()
            stalls = self.stalls
            try:
                counted = self._fail_over(fault)
            except (TimeoutError, LabsError):
                if not self.tilted and self.stalls == stalls:
                    raise
            else:
                # What was lost must be the same by both counts whatever the machine did.
                if "differ" in counted.problem or self.stalls == stalls:
                    return counted
            self.disturbed += 1
            self._put_right()
        raise TimeoutError(f"The machine stalled in each of {ATTEMPTS} failovers.")

    def _put_right(self) -> None:
        for undo in UNDO:
            with contextlib.suppress(LabsError):
                self.act(undo)
        self.wait_out_of_tilt()
        with contextlib.suppress(LabsError):
            self.act("gather")
        self.wait(self.settled, 20.0, "every server follows the primary")

    def _fail_over(self, fault: str) -> Counted:
        before, flown = self.primary, len(self.records)
        with self._lock:
            acknowledged = set(self.acknowledged)
        self.known_lost |= acknowledged - self.held(before)
        self.act(fault)
        if fault != "planned":
            self.wait(
                lambda: self.primary != before or bool(self.tilted),
                OVER_S,
                f"another than {before} was promoted",
            )
            if self.primary == before:
                raise TimeoutError(f"Sentinels are in TILT mode: {sorted(self.tilted)}.")
        if fault in UNDONE_BY:
            self.act(UNDONE_BY[fault])
            self.act("gather")
        self.wait(lambda: len(self.records) > flown, OVER_S, "the flight was over")
        record = self.records[-1]
        lost = self.acknowledged_then - self.held(self.primary) - self.known_lost
        self.known_lost |= lost
        if fault in ("kill-primary", "lose-primary"):
            self.act("bring-back")
        self.wait(self.settled, 20.0, "every server follows the new primary")
        results = record.results
        problem = "" if int(float(results["lost"])) == len(lost) else "the counts differ"
        if not problem and (results["promoted"] != self.primary or self.primary == before):
            problem = (
                f"the record says that {results['promoted'] or 'nothing'} was promoted, the "
                f"endpoint leads to {self.primary}"
            )
        return Counted(
            fault,
            self.primary,
            float(results["downtime_ms"]),
            len(self.acknowledged_then),
            int(float(results["lost"])),
            len(lost),
            problem,
        )

    def held(self, server: str) -> set[int]:
        """The numbers that a server holds, read through its console."""
        numbers: list[int] = []
        while True:
            command = f"LRANGE flight:{self.runs} {len(numbers)} {len(numbers) + CHUNK - 1}"
            answer = self._supervisor.call(self.id, "console", server=server, command=command)
            part = [int(number) for number in re.findall(r'"(\d+)"', answer["output"])]
            numbers += part
            if len(part) < CHUNK:
                return set(numbers)

    def settled(self) -> bool:
        """True if every cache says that it is the primary which the endpoint leads to, or a replica
        that hears it.
        """
        for server in [name for name in self.states if name.startswith("cache-")]:
            try:
                answer = self._supervisor.call(self.id, "console", server=server, command="ROLE")
            except LabsError:
                return False
            said = answer["output"]
            if ("master" in said) != (server == self.primary) or (
                "slave" in said and '"connected"' not in said
            ):
                return False
        return True

    def end(self) -> None:
        """End the sandbox."""
        self._supervisor.end(self.id, "the failovers are over")

    def _on_event(self, entry: Entry) -> None:
        event = entry.event
        match event:
            case OperationsRecorded():
                with self._lock:
                    for operation in event.operations:
                        kind, _at, _took, ended_as, number = operation.split()
                        if kind == "w" and ended_as in "aw":
                            self.acknowledged.add(int(number))
            case EndpointMoved(endpoint="primary-endpoint"):
                self.primary = event.targets[0] if event.targets else ""
            case ServerChanged():
                self.states[event.server] = event.state
            case TiltChanged():
                (self.tilted.add if event.left_s else self.tilted.discard)(event.sentinel)
            case MachineStalled():
                self.stalls += 1
            case RecordSaved():
                with self._lock:
                    self.acknowledged_then = set(self.acknowledged)
                self.records.append(event)


def run(
    times: int, seed: int, say: Callable[[str], None]
) -> tuple[list[Counted], list[psutil.Process]]:
    """The counts of `times` failovers, with faults drawn by the seed, and the processes that were
    left behind; each failover is printed when it is over.
    """
    chance, counted, processes = random.Random(seed), list[Counted](), list[psutil.Process]()
    with own_supervisor() as supervisor:
        while len(counted) < times:
            outside = Outside(
                supervisor,
                settings={
                    "zone_delay_ms": chance.choice((0, 1, 5, 20)),
                    "client_zone": chance.choice(("zone a", "zone b", "zone c")),
                },
            )
            try:
                for _ in range(min(A_SANDBOX, times - len(counted))):
                    fault = chance.choice(FAULTS)
                    one = outside.fail_over(fault)
                    counted.append(one)
                    say(
                        f"{len(counted):4}  {one.fault:14} {one.promoted:10} "
                        f"{one.downtime_ms:9,.0f} ms  {one.acknowledged:7,} acknowledged  lost "
                        f"{one.lost:5,}  recounted {one.recounted:5,}  {one.problem}"
                    )
                if outside.disturbed:
                    say(f"      {outside.disturbed} done again: the machine stalled")
            finally:
                processes += supervisor.processes(outside.id)
                outside.end()
    _, left = psutil.wait_procs(processes, timeout=5.0)
    return counted, left


def main(arguments: list[str] | None = None) -> int:
    """Print every failover and what they come to; 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(
        prog="scripts/failovers",
        description="Fail over again and again, and count what is lost twice.",
    )
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    counted, left = run(asked.times, asked.seed, lambda line: print(line, flush=True))
    wrong = [one for one in counted if one.problem]
    for fault in sorted({one.fault for one in counted}):
        several = [one for one in counted if one.fault == fault]
        downtimes = sorted(one.downtime_ms for one in several)
        print(
            f"{fault:14} {len(several):3} times, downtime median "
            f"{downtimes[len(several) // 2]:,.0f} ms, longest {downtimes[-1]:,.0f} ms; lost "
            f"{sum(one.lost for one in several):,}"
        )
    print(
        f"{len(counted)} failovers in {time.monotonic() - began:.0f} s, seed {asked.seed}: "
        f"{len(wrong)} not as they should be, {len(left)} processes left behind."
    )
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
