"""The state of a sandbox is the fold of its events."""

from labs import events
from labs.events import Entry
from labs.state import READINGS_LENGTH, SandboxState


def fold(*happened):
    state = SandboxState()
    for number, event in enumerate(happened, start=1):
        state.apply(Entry(number, 100.0 + number, event))
    return state


def test_a_step_knows_its_line_and_the_lines_before_it():
    state = fold(
        events.StepStarted(request=1, strategy="cache-aside", function="read", call="read(42)"),
        events.LineReached(request=1, line=2, last_line=2),
        events.LineReached(request=1, line=4, last_line=4),
    )

    assert state.step["line"] == 4
    assert state.step["done_lines"] == [2]
    assert state.step["running"]


def test_a_new_step_clears_what_was_sent():
    ran = events.CommandRan(
        request=1, server="cache", command="GET a", reply="(nil)", took_ms=0.1, meaning="miss"
    )

    state = fold(ran, events.StepStarted(request=2, strategy="s", function="read", call="read(1)"))

    assert state.exchange == []


def test_a_restarted_server_keeps_its_version():
    state = fold(
        events.ServerChanged(server="cache", state="up", version="7.0.15"),
        events.ServerChanged(server="cache", state="down", why="x"),
    )

    assert state.servers["cache"] == {"state": "down", "why": "x", "version": "7.0.15"}


def test_history_is_of_the_whole_run_in_bounded_room():
    state = fold(
        *(
            events.ReadingTaken(readings={"done_per_s": float(n)})
            for n in range(READINGS_LENGTH * 5)
        )
    )

    assert len(state.readings) < READINGS_LENGTH
    assert state.readings[0]["done_per_s"] == 0.0
    assert state.readings[-1]["done_per_s"] > READINGS_LENGTH * 4.9


def test_what_says_nothing_is_not_on_the_timeline():
    state = fold(events.ReadingTaken(readings={}), events.NoteAdded(text="You did it"))

    assert [line["sentence"] for line in state.timeline] == ["You did it"]


def test_a_failing_load_is_known_until_requests_succeed_or_the_load_stops():
    running = events.LoadChanged(running=True, about="4 clients")
    failing = events.LoadFailing(failed=60, ended=60, wanted_per_s=60.0, why="no", news=True)
    over = events.LoadFailing(failed=0, ended=0, wanted_per_s=60.0, news=True)

    found = fold(running, failing).load["failing"]
    assert (found["failed"], found["ended"], found["why"]) == (60, 60, "no")
    assert fold(running, failing, over).load["failing"] == {}
    assert "failing" not in fold(running, failing, events.LoadChanged(running=False)).load


def test_what_links_and_caches_counted_is_not_kept_for_charts():
    state = fold(
        events.ReadingTaken(
            readings={"done_per_s": 60.0}, flows={"cache hit": 50.0}, keys={"cache": 7}
        )
    )

    assert (state.flows, state.keys) == ({"cache hit": 50.0}, {"cache": 7})
    assert state.readings == [{"at": state.readings[0]["at"], "done_per_s": 60.0}]
