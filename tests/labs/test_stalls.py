"""A machine that stalls, and sentinels that stand still: processes of a sandbox are stopped for
some seconds. What the sentinels do then, what the sandbox says of it, and what a run makes of it.
"""

import threading
import time

import pytest

from labs.errors import NotNow
from labs.events import CheckChanged, MachineStalled, NoteAdded, ReadingTaken, TiltChanged
from labs.headless import play
from scripts.repeated_failovers import Outside
from tests.processes import of_the_living, stopped
from tests.waiting import eventually

STALL_S = 4.0
"""Sentinel's limit is 2 s."""
TILT_S = 30.0
SENTINELS = {"sentinel-a", "sentinel-b", "sentinel-c"}


class Watched(Outside):
    """A sandbox of the lab failover that keeps its events."""

    def __init__(self, supervisor, **settings):
        self.entries = []
        super().__init__(supervisor, settings=settings)
        self.supervisor = supervisor

    def _on_event(self, entry):
        self.entries.append(entry)
        super()._on_event(entry)

    def of(self, kind):
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]

    def stall(self, *names):
        """Stop these servers for a while; without names all that the sandbox runs."""
        lines = of_the_living(
            self.supervisor.processes(self.id), lambda process: " ".join(process.cmdline())
        )
        those = [
            process
            for process, line in lines.items()
            if not names or any(f"/{name}/" in line for name in names)
        ]
        assert those
        with stopped(those):
            time.sleep(STALL_S)

    def said(self):
        """The sentence of the last action."""
        return self.of(NoteAdded)[-1].text


@pytest.fixture
def group(supervisor):
    opened = []

    def make(**settings):
        opened.append(Watched(supervisor, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.end()


def test_a_stall_of_the_machine_is_said_and_no_reading_is_taken_across_it(group):
    sandbox = group()
    eventually(lambda: sandbox.of(ReadingTaken), what="a reading")

    sandbox.stall()
    stall = eventually(lambda: sandbox.of(MachineStalled), what="the stall")[0]
    at = len(sandbox.entries)
    eventually(
        lambda: [e for e in sandbox.entries[at:] if isinstance(e.event, ReadingTaken)],
        what="a reading after the stall",
    )

    assert stall.seconds > STALL_S - 1
    assert f"stalled for {stall.seconds:.1f} s" in stall.sentence
    slowest = [reading.readings.get("write_p99_ms", 0.0) for reading in sandbox.of(ReadingTaken)]
    assert max(slowest) < 1_000 * (STALL_S - 1)


def test_a_fault_while_all_sentinels_are_in_tilt_mode_says_what_to_expect(group):
    sandbox = group()
    sandbox.stall()
    eventually(lambda: sandbox.tilted == SENTINELS, what="TILT mode of all")

    with pytest.raises(NotNow, match="TILT mode"):
        sandbox._supervisor.call(sandbox.id, "action", name="planned", fields={})
    sandbox._supervisor.call(sandbox.id, "action", name="kill-primary", fields={})
    said = sandbox.said()
    assert "was killed" in said
    assert "no failover starts before that" in said
    assert "bring the primary back" in said
    left = [event.left_s for event in sandbox.of(TiltChanged)]
    assert all(0 < seconds <= TILT_S for seconds in left)

    sandbox.act("bring-back")
    sandbox.wait(lambda: bool(sandbox.records), 20.0, "the flight was over")
    record = sandbox.records[-1]
    assert record.results["promoted"] == ""
    assert record.results["tilt_ms"] > 0
    document = sandbox._supervisor.call(sandbox.id, "record", name=record.record)["record"]
    assert "3 sentinels in TILT mode" in [words for _, words in document["marks"]]

    eventually(
        lambda: [check for check in sandbox.of(CheckChanged) if "in TILT" in check.message],
        what="the check that says why no replica was promoted",
    )

    # The next failover waits until they have left TILT mode.
    assert sandbox.fail_over("kill-primary").problem == ""
    assert sandbox.records[-1].results["tilt_ms"] == 0
    assert [event.left_s for event in sandbox.of(TiltChanged)][-3:] == [0.0, 0.0, 0.0]


def test_two_sentinels_of_three_are_enough_and_one_is_not(group):
    sandbox = group(detection_ms=5_000)
    sandbox.stall("sentinel-a")
    eventually(lambda: sandbox.tilted == {"sentinel-a"}, what="TILT mode of one")

    sandbox._supervisor.call(sandbox.id, "action", name="kill-primary", fields={})
    assert "enough to start a failover" in sandbox.said()
    sandbox.wait(lambda: sandbox.primary != "cache-001", 25.0, "another was promoted")
    assert sandbox.tilted == {"sentinel-a"}
    sandbox.wait(lambda: bool(sandbox.records), 25.0, "the flight was over")
    sandbox.act("bring-back")
    sandbox.wait(sandbox.settled, 20.0, "every server follows the new primary")

    second = sandbox.primary
    sandbox.stall("sentinel-b", "sentinel-c")
    eventually(lambda: {"sentinel-b", "sentinel-c"} <= sandbox.tilted, what="TILT mode of two")
    sandbox._supervisor.call(sandbox.id, "action", name="kill-primary", fields={})
    assert "no failover starts before that" in sandbox.said()
    sandbox.wait(lambda: sandbox.primary != second, 60.0, "another was promoted")

    assert sandbox.tilted == set()


def test_a_run_makes_a_flight_again_that_a_stall_disturbed(supervisor):
    """The stall comes when the first zone is cut off: what had begun can't end."""
    said, stalls = [], []

    def stall():
        (sandbox,) = supervisor._sandboxes
        with stopped(supervisor.processes(sandbox)):
            time.sleep(STALL_S)

    def on_event(entry):
        said.append(entry.event.sentence)
        if getattr(entry.event, "state", "") == "cut" and not stalls:
            stalls.append(threading.Thread(target=stall))
            stalls[0].start()

    run = play(supervisor, "failover", on_event=on_event)
    stalls[0].join()

    assert any("so this flight is not counted" in sentence for sentence in said)
    assert run.ok, run.checks
