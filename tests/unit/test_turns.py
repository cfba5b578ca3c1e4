"""Which calls of a sandbox run at the same time, and how often a zygote is started again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from labs.agent import turns
from labs.agent.turns import Turns
from labs.errors import NotNow, UnknownSandbox
from labs.host.zygotes import FAILURES, FAILURES_WITHIN_S, PAUSES_S, Failures
from tests.waiting import eventually


class Calls:
    """Calls that run in threads until they are let go."""

    def __init__(self):
        self.turns = Turns()
        self.running = set()
        self._let_go = {}
        self._pool = ThreadPoolExecutor(8)

    def begin(self, name, call):
        self._let_go[name] = Event()
        return self._pool.submit(self._run, name, call)

    def end(self, name):
        self._let_go[name].set()

    def close(self):
        for one in self._let_go.values():
            one.set()
        self._pool.shutdown()

    def _run(self, name, call):
        with self.turns.turn(call):
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
    monkeypatch.setattr(turns, "WAIT_S", 0.01)
    calls.begin("read", "action")
    eventually(lambda: calls.running == {"read"})

    with pytest.raises(NotNow, match="still busy"), calls.turns.turn("reset"):
        pass
    calls.begin("another", "action")
    eventually(lambda: calls.running == {"read", "another"})


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
