"""What counts as done in a guide: events, states, checks, and what was met before."""

from types import SimpleNamespace

import pytest

from labs.events import CheckChanged, GuideMoved, LoadChanged, NoteAdded
from labs.lab import Check, Step, met as lab_met, unmet
from labs.lab.guide import WATCH, choose, load, press
from labs.sandbox.guide import GuideProgress

FIRST, SECOND = (
    Check(name, f"Claim {name}", lambda _: lab_met("Seen.", {})) for name in ("first", "second")
)
GUIDE = (
    Step("Press it.", press("read"), "Why."),
    Step("Press it again.", press("read"), "Why.", until=FIRST),
    Step("Set it.", choose("ttl_s", 10), "Why."),
    Step("Start it.", load("start"), "Why."),
    Step("Press it.", press("read"), "Why.", until=SECOND),
)
READ = NoteAdded(text="It was read.", action="read")


@pytest.fixture
def context():
    control = SimpleNamespace(parse=float)
    return SimpleNamespace(
        lab=SimpleNamespace(guide=GUIDE, checks=(FIRST, SECOND), find_control=lambda name: control),
        settings={"ttl_s": 60.0},
        load=SimpleNamespace(running=False),
        servers={},
        link_states={},
        emitted=[],
    )


def begun(context, met=()):
    context.emit = context.emitted.append
    progress = GuideProgress(context, met)
    progress.start()
    return progress


def met(check):
    return CheckChanged(check=check.name, claim=check.claim, status="met", message="Seen.")


def test_it_begins_at_the_first_step(context):
    begun(context)

    assert context.emitted == [GuideMoved(current=0, done=[])]


def test_an_event_ends_one_step_and_not_the_next_one_with_the_same_control(context):
    begun(context).follow(READ)

    assert context.emitted[-1] == GuideMoved(current=1, done=[0])


def test_a_step_with_a_check_ends_with_the_check_alone(context):
    progress = begun(context)
    progress.follow(READ)
    progress.follow(READ)
    assert context.emitted[-1].current == 1

    progress.follow(met(FIRST))

    assert context.emitted[-1] == GuideMoved(current=2, done=[0, 1])


def test_who_is_ahead_is_not_asked_to_repeat(context):
    progress = begun(context)

    progress.follow(met(SECOND))
    assert context.emitted[-1] == GuideMoved(current=0, done=[2, 3, 4])
    progress.follow(met(FIRST))

    assert context.emitted[-1] == GuideMoved(current=5, done=[0, 1, 2, 3, 4])


def test_what_holds_already_is_not_asked_for(context):
    context.settings["ttl_s"] = 10.0
    context.load.running = True
    progress = begun(context)

    progress.follow(met(FIRST))

    assert context.emitted[-1] == GuideMoved(current=4, done=[0, 1, 2, 3])


def test_a_state_is_looked_at_when_something_happens(context):
    progress = begun(context, met=["first"])
    context.settings["ttl_s"] = 10.0
    progress.follow(NoteAdded(text="Something else."))
    assert context.emitted[-1].current == 3

    context.load.running = True
    progress.follow(LoadChanged(running=True))

    assert context.emitted[-1].current == 4


@pytest.mark.parametrize(("value", "current"), [(9.0, 2), (9.7, 3), (10.4, 3), (11.0, 2)])
def test_a_number_that_a_hand_came_near_to_is_enough(context, value, current):
    progress = begun(context, met=["first"])

    context.settings["ttl_s"] = value
    progress.follow(NoteAdded(text="Something else."))

    assert context.emitted[-1].current == current


def test_a_step_that_is_done_stays_done(context):
    progress = begun(context, met=["first"])
    context.settings["ttl_s"] = 10.0
    progress.follow(NoteAdded(text="Something else."))

    context.settings["ttl_s"] = 60.0
    progress.follow(NoteAdded(text="Something else."))

    assert context.emitted[-1].current == 3


def test_what_was_met_in_an_earlier_sandbox_is_done(context):
    begun(context, met=["second"])

    assert context.emitted == [GuideMoved(current=0, done=[2, 3, 4])]


def test_a_new_start_keeps_what_was_met_and_nothing_else(context):
    progress = begun(context)
    progress.follow(met(FIRST))
    context.settings["ttl_s"] = 10.0
    progress.follow(NoteAdded(text="Something else."))
    context.settings["ttl_s"] = 60.0

    progress.start()

    assert context.emitted[-1] == GuideMoved(current=2, done=[0, 1])


def test_nothing_is_emitted_twice(context):
    progress = begun(context)

    for _ in range(3):
        progress.follow(NoteAdded(text="Something else."))

    assert len(context.emitted) == 1


def test_a_check_that_only_the_guide_asks_is_judged_when_something_happens(context):
    seen = []
    before = Check("before", "It has run for a while.", lambda _: met_or_not(bool(seen)))
    context.lab.guide = (
        Step("Watch.", WATCH, "Why.", until=before),
        Step("Press it.", press("read"), "Why.", until=FIRST),
    )
    progress = begun(context)
    progress.follow(NoteAdded(text="Something else."))
    assert context.emitted[-1].current == 0

    seen.append(True)
    progress.follow(NoteAdded(text="Something else."))

    assert context.emitted[-1] == GuideMoved(current=1, done=[0])


def test_a_step_is_done_only_when_the_call_that_does_it_has_ended(context):
    progress = begun(context, met=["first"])
    context.settings["ttl_s"] = 10.0
    context.load.running = True
    progress.follow(NoteAdded(text="Something else."))

    with progress.during_call():
        progress.follow(met(SECOND))
        assert context.emitted[-1] == GuideMoved(current=4, done=[0, 1, 2, 3])

    assert context.emitted[-1] == GuideMoved(current=5, done=[0, 1, 2, 3, 4])


def test_an_event_within_a_call_ends_one_step(context):
    progress = begun(context)

    with progress.during_call():
        progress.follow(READ)
        progress.follow(READ)
        assert context.emitted[-1].current == 0

    assert context.emitted[-1] == GuideMoved(current=1, done=[0])


def test_what_an_experiment_sets_for_a_while_ends_no_step(context):
    progress = begun(context, met=["first"])

    with progress.during_call():
        context.settings["ttl_s"] = 10.0
        progress.follow(NoteAdded(text="Something else."))
        context.settings["ttl_s"] = 60.0

    assert context.emitted[-1].current == 2


def test_no_step_ends_before_the_last_of_several_calls(context):
    progress = begun(context)

    with progress.during_call():
        with progress.during_call():
            progress.follow(READ)
        assert context.emitted[-1].current == 0

    assert context.emitted[-1].current == 1


def test_a_reset_shows_the_first_step_at_once(context):
    progress = begun(context)
    progress.follow(READ)

    with progress.during_call():
        progress.start()
        assert context.emitted[-1] == GuideMoved(current=0, done=[])


def met_or_not(is_met):
    if not is_met:
        raise unmet("Not yet.")
    return lab_met("Seen.", {})
