"""A machine that stalls, by clocks that the test turns: what a sandbox notices and says."""

import socket
import threading
import time
from typing import Any

import pytest

from labs.errors import NotNow, ServerDown, TooSlow
from labs.events import Entry, MachineStalled, TiltChanged
from labs.headless import MOST_STILL_S, Standstill, play
from labs.host.connection import Connection
from labs.sandbox.experiment import measured
from labs.sandbox.stalls import AFTER_S, TICK_S, StallWatch
from labs.state import STALLS, SandboxState
from tests.unit.conftest import lab_with
from tests.waiting import eventually


class Clocks:
    """Time as it passes, plus what the test adds."""

    def __init__(self):
        self.stalled = self.slept = 0.0

    def awake(self):
        return time.monotonic() + self.stalled

    def passed(self):
        return time.monotonic() + self.stalled + self.slept


@pytest.fixture
def watch():
    clocks, events = Clocks(), []
    made = StallWatch(events.append, awake=clocks.awake, passed=clocks.passed)
    made.start()
    yield made, clocks, events
    made.stop()


def of_at_least(seconds, stalls):
    """The first stall of this length: a busy machine that runs the test may stall, too."""
    return next((stall for stall in stalls if stall.seconds >= seconds), None)


def test_a_stall_is_an_event_with_its_length(watch):
    _, clocks, events = watch
    clocks.stalled += 4.1

    stall = eventually(lambda: of_at_least(4.0, events))

    assert stall.sentence.startswith("The machine stalled for 4.")
    assert stall.sense == "error"


def test_who_asks_first_after_a_stall_sees_it(watch):
    stalls, clocks, _ = watch
    before = clocks.awake()
    clocks.stalled += 4.1

    assert stalls.touches(before, clocks.awake())
    assert of_at_least(4.0, stalls.since(before))


def test_a_machine_that_slept_has_stalled_though_no_deadline_passed(watch):
    stalls, clocks, events = watch
    before = stalls.clock()
    clocks.slept += 600.0

    eventually(lambda: of_at_least(599.0, events))

    assert before <= stalls.clock() < clocks.passed() - 599.0


def test_what_was_timed_long_before_or_after_a_stall_is_not_touched(watch):
    stalls, clocks, events = watch
    began = clocks.awake()
    clocks.stalled += 4.1
    eventually(lambda: events)
    ended = stalls.seen[0].ended

    assert not stalls.touches(began - 10, began - 5)
    assert stalls.touches(ended + AFTER_S / 2, ended + 1)
    assert not stalls.touches(ended + AFTER_S + TICK_S, ended + 1)


def test_a_deadline_of_a_sandbox_does_not_count_a_stall(open_sandbox):
    sandbox = open_sandbox(lab_with())
    clocks = Clocks()
    sandbox.stalls.stop()
    sandbox.stalls = StallWatch(sandbox.emit, awake=clocks.awake, passed=clocks.passed)
    sandbox.stalls.start()
    asked = []

    def condition():
        asked.append(True)
        if len(asked) == 2:
            clocks.stalled += 60.0
        return len(asked) > 3

    assert sandbox.wait_until(condition, deadline_s=5.0)


@pytest.fixture
def stalling(open_sandbox):
    """A sandbox, and what makes its machine stall."""
    sandbox, clocks = open_sandbox(lab_with()), Clocks()
    sandbox.stalls.stop()
    # The sleep of a machine: the monotonic clock, which experiments read, goes on as before.
    sandbox.stalls = StallWatch(sandbox.emit, awake=clocks.awake, passed=clocks.passed)
    sandbox.stalls.start()

    def stall():
        clocks.slept += 4.1

    return sandbox, stall


def test_what_was_measured_while_the_machine_stalled_is_measured_again(stalling):
    sandbox, stall = stalling
    calls = []

    def measure(_):
        calls.append(True)
        if len(calls) == 1:
            stall()
            return 4_100.0
        return 12.0

    assert measured(sandbox, measure) == 12.0


def test_an_experiment_that_failed_for_a_stall_is_made_again_and_no_other(stalling):
    sandbox, stall = stalling
    calls = []

    def measure(_):
        calls.append(True)
        if len(calls) == 1:
            stall()
            raise ServerDown("The cache did not answer.")
        if len(calls) == 2:
            return 12.0
        raise ServerDown("The cache did not answer.")

    assert measured(sandbox, measure) == 12.0
    with pytest.raises(ServerDown):
        measured(sandbox, measure)
    assert len(calls) == 3


def test_nothing_is_measured_on_a_machine_that_stalls_each_time(stalling):
    sandbox, stall = stalling

    with pytest.raises(NotNow, match="stalled for 4"):
        measured(sandbox, lambda _: stall())


def test_an_experiment_that_did_its_disturbed_part_again_is_not_repeated(stalling):
    sandbox, stall = stalling
    calls = []

    def measure(_):
        calls.append(True)
        stall()
        assert sandbox.stalls.disturbed(0.0)
        sandbox.stalls.made_good()
        return 12.0

    assert measured(sandbox, measure) == 12.0
    assert len(calls) == 1


def test_the_state_keeps_who_is_in_tilt_mode_and_the_newest_stalls():
    state = SandboxState()
    state.apply(Entry(1, 100.0, TiltChanged(sentinel="sentinel-a", left_s=29.0)))
    state.apply(Entry(2, 100.0, TiltChanged(sentinel="sentinel-b", left_s=28.0)))
    state.apply(Entry(3, 101.0, TiltChanged(sentinel="sentinel-b", left_s=0.0)))
    for number in range(STALLS + 5):
        state.apply(Entry(4 + number, 200.0 + number, MachineStalled(seconds=4.0)))

    assert state.tilts == {"sentinel-a": 129.0}
    assert state.stalls[-1] == [220.0, 224.0]
    assert len(state.stalls) == STALLS
    words = [entry["sentence"] for entry in state.timeline]
    assert "sentinel-a is in TILT mode for 29 s" in words[0]
    assert "has left TILT mode" in words[2]


def test_a_run_is_given_the_time_in_which_it_could_not_act():
    still = Standstill()
    assert still.seconds() == 0.0

    still.on_event(Entry(1, 100.0, MachineStalled(seconds=4.0)))
    assert still.seconds() == 4.0

    still.on_event(Entry(2, 100.0, TiltChanged(sentinel="sentinel-a", left_s=30.0)))
    eventually(lambda: still.seconds() > 4.0)
    still.on_event(Entry(3, 101.0, TiltChanged(sentinel="sentinel-a", left_s=0.0)))
    assert still.seconds() == still.seconds()

    still.on_event(Entry(4, 102.0, MachineStalled(seconds=10_000.0)))
    assert still.seconds() == MOST_STILL_S


def test_a_call_waits_for_the_time_that_does_not_count():
    ours, theirs = socket.socketpair()
    connection, asked = Connection(ours, "s"), []

    def more_s():
        """None before the deadline, then as much as it takes."""
        asked.append(True)
        return 0.0 if len(asked) == 1 else 60.0

    def answer():
        eventually(lambda: len(asked) > 1)
        connection.waiting[1].set_result({"met": True})

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        assert connection.call("play", {}, 0.05, more_s) == {"met": True}
        with pytest.raises(TooSlow):
            connection.call("play", {}, 0.05)
    finally:
        thread.join()
        ours.close()
        theirs.close()


class Runs:
    """Stands for a supervisor: each sandbox emits its events, then its run ends as it is set."""

    isolation = "none"

    def __init__(self, *runs):
        self.runs = list(runs)
        self.opened = self.ended = 0

    def open(self, lab, settings, *, on_event, mutant):
        for event in self.runs[self.opened][0]:
            on_event(Entry(1, 100.0, event))
        self.opened += 1
        return str(self.opened)

    def call(self, sandbox, call, **_):
        end = self.runs[self.opened - 1][1]
        if isinstance(end, Exception):
            raise end
        checks = [{"id": "c", "status": end}]
        return {"versions": {}, "settings": {}, "measurements": {}, "checks": checks}

    def end(self, sandbox, why, *, gently):
        self.ended += 1


def runs_of(*runs) -> Any:
    return Runs(*runs)


STALLED, WELL = (MachineStalled(seconds=4.0),), ()


@pytest.mark.parametrize(
    ("runs", "opened", "ok"),
    [
        ([(STALLED, "unmet"), (WELL, "met")], 2, True),
        ([(STALLED, ServerDown("It is down.")), (WELL, "met")], 2, True),
        ([(STALLED, "unmet"), (STALLED, "unmet")], 2, False),
        ([(STALLED, "met"), (WELL, "unmet")], 1, True),
        ([(WELL, "unmet"), (WELL, "met")], 1, False),
    ],
)
def test_a_run_that_fails_on_a_machine_that_stalled_is_played_once_more(runs, opened, ok):
    supervisor, said = runs_of(*runs), []

    run = play(supervisor, "failover", on_event=lambda entry: said.append(entry.event.sentence))

    assert run.ok is ok
    assert supervisor.opened == supervisor.ended == opened
    assert ("played again" in " ".join(said)) is (opened == 2)


def test_a_mutant_is_not_played_again_and_an_error_without_a_stall_is_raised():
    mutant = runs_of((STALLED, "unmet"), (WELL, "met"))
    assert not play(mutant, "failover", mutant="no_quorum").ok
    assert mutant.opened == 1

    with pytest.raises(ServerDown):
        play(runs_of((WELL, ServerDown("It is down."))), "failover")
