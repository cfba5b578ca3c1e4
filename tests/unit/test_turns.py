"""Which calls of a sandbox run at the same time, and how often a zygote is started again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from labs.agent import turns
from labs.agent.calls import measurement_of
from labs.agent.turns import MOST_WAITING, Measurement, Turns
from labs.catalogue import catalogue, find
from labs.errors import NotNow, UnknownSandbox
from labs.host.zygotes import FAILURES, FAILURES_WITHIN_S, PAUSES_S, Failures
from tests.waiting import eventually


class Calls:
    """Calls that run in threads until they are let go."""

    def __init__(self):
        self.said = []
        self.turns = Turns(lambda running, waiting: self.said.append((running, waiting)))
        self.running = set()
        self._let_go = {}
        self._pool = ThreadPoolExecutor(8)

    def begin(self, name, call):
        self._let_go[name] = Event()
        return self._pool.submit(self._run, name, call)

    def measure(self, name):
        self._let_go[name] = Event()
        return self._pool.submit(self._run, name, "measure", Measurement(name))

    def end(self, name):
        self._let_go[name].set()

    def close(self):
        for one in self._let_go.values():
            one.set()
        self._pool.shutdown()

    def _run(self, name, call, measurement=None):
        with self.turns.turn(call, measurement):
            self.running.add(name)
            assert self._let_go[name].wait(20)
            self.running.discard(name)


@pytest.fixture
def calls():
    made = Calls()
    yield made
    made.close()


def test_a_reset_waits_for_what_runs_and_keeps_others_away(calls):
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"read"})
    calls.begin("first", "reset")

    def is_refused(call):
        try:
            with calls.turns.turn(call):
                return False
        except NotNow as refusal:
            return str(refusal) == "Your sandbox is being reset."

    eventually(lambda: is_refused("set"))
    assert is_refused("reset") and is_refused("console")
    assert calls.running == {"read"}

    calls.end("read")

    eventually(lambda: calls.running == {"first"})
    with calls.turns.turn("log"):  # what only reads may go on
        pass
    calls.end("first")
    eventually(lambda: not is_refused("set"))


def test_changes_come_one_after_the_other_and_a_read_next_to_them(calls):
    calls.begin("restart", "server")
    eventually(lambda: calls.running == {"restart"})
    calls.begin("kill", "server")
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"restart", "read"})

    calls.end("restart")

    eventually(lambda: calls.running == {"kill", "read"})


def test_who_waits_too_long_is_refused_and_others_go_on(calls, monkeypatch):
    monkeypatch.setattr(turns, "TURN_S", 0.01)
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"read"})

    with pytest.raises(NotNow, match="still busy"), calls.turns.turn("reset"):
        pass
    calls.begin("another", "action")
    eventually(lambda: calls.running == {"read", "another"})


def test_measurements_come_one_after_the_other_in_the_order_of_their_asking(calls):
    calls.measure("first")
    eventually(lambda: calls.running == {"first"})
    calls.measure("second")
    eventually(lambda: calls.said[-1] == ("first", ["second"]))
    calls.measure("third")
    eventually(lambda: calls.said[-1] == ("first", ["second", "third"]))
    assert calls.running == {"first"}

    calls.end("first")
    eventually(lambda: calls.running == {"second"})
    calls.end("second")
    eventually(lambda: calls.running == {"third"})
    calls.end("third")

    eventually(lambda: calls.said[-1] == ("", []))


def test_a_measurement_waits_for_what_runs_and_holds_up_what_comes(calls):
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"read"})
    calls.measure("measured")
    eventually(lambda: calls.said[-1] == ("", ["measured"]))
    calls.end("read")
    eventually(lambda: calls.running == {"measured"})

    for call in ("set", "action", "console", "load"):
        calls.begin(call, call)
    with calls.turns.turn("log"):  # what only reads may go on
        pass
    assert calls.running == {"measured"}

    calls.end("measured")
    eventually(lambda: {"action", "console"} < calls.running)


@pytest.mark.parametrize(
    "call", ["set", "set_up", "server", "link", "load", "action", "step", "reset"]
)
def test_what_would_falsify_a_measurement_is_refused_with_the_time_it_takes(
    calls, monkeypatch, call
):
    monkeypatch.setattr(turns, "TURN_S", 0.01)
    calls.measure("measured")
    eventually(lambda: calls.running == {"measured"})

    with pytest.raises(NotNow, match="A measurement is running") as refused, calls.turns.turn(call):
        pass

    assert refused.value.hint in {f"Try again in {seconds} s." for seconds in range(1, 21)}
    assert calls.running == {"measured"}


def test_a_measurement_that_waits_too_long_is_refused_and_the_next_one_is_not(calls, monkeypatch):
    monkeypatch.setattr(turns, "QUEUE_S", 0.01)
    calls.measure("first")
    eventually(lambda: calls.running == {"first"})

    with pytest.raises(NotNow, match="busy with another measurement"):
        calls.measure("second").result(20)

    assert calls.said[-1] == ("first", [])
    calls.end("first")
    eventually(lambda: not calls.running)
    calls.measure("third")
    eventually(lambda: calls.running == {"third"})


def test_measurements_do_not_keep_every_thread(calls):
    for number in range(MOST_WAITING + 1):
        calls.measure(str(number))
    eventually(lambda: len(calls.said[-1][1]) == MOST_WAITING)

    with pytest.raises(NotNow, match="busy with another measurement"):
        calls.measure("one more").result(20)


def test_a_measurement_that_waits_is_refused_when_its_sandbox_closes(calls):
    calls.measure("first")
    eventually(lambda: calls.running == {"first"})
    waiting = calls.measure("second")
    eventually(lambda: calls.said[-1] == ("first", ["second"]))

    calls.turns.close(0.0)

    with pytest.raises(UnknownSandbox, match="has ended"):
        waiting.result(20)


def test_predictions_and_actions_that_measure_have_the_sandbox_to_themselves():
    lab = find("invalidation")

    assert measurement_of(lab, "measure", {"prediction": "left-behind"}).name == "left-behind"
    assert measurement_of(lab, "action", {"name": "measure-all"}) == Measurement("measure-all", 90)
    assert measurement_of(lab, "action", {"name": "read"}) is None
    assert measurement_of(lab, "set", {"name": "ttl_s", "value": 3}) is None


@pytest.mark.parametrize("lab", catalogue().values(), ids=lambda lab: lab.id)
def test_what_compares_in_a_view_of_its_own_measures(lab):
    slow = [action for action in lab.actions if action.gear == "view" and action.deadline_s >= 40]

    assert all(action.measures for action in slow)


def test_after_its_close_no_call_begins(calls):
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"read"})
    waiting = calls.begin("first", "reset")

    calls.turns.close(0.0)

    with pytest.raises(UnknownSandbox, match="has ended"):
        waiting.result(20)
    with pytest.raises(UnknownSandbox, match="has ended"), calls.turns.turn("action"):
        pass


def test_a_zygote_is_started_again_after_growing_pauses_and_not_for_ever():
    failures = Failures()

    assert [failures.add(float(at)) for at in range(FAILURES)] == [*PAUSES_S, None]


def test_deaths_that_lie_far_apart_are_no_reason_to_give_up():
    failures = Failures()

    pauses = {failures.add(number * FAILURES_WITHIN_S) for number in range(3 * FAILURES)}

    assert pauses == {PAUSES_S[0]}
