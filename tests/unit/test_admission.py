"""Who gets in: first come first, as many as there is room for, only as many at once as are being
started.
"""

import pytest

from labs.errors import NotNow, SandboxTaken
from labs.host.admission import CALLS_AT_ONCE, STARTS, Admission
from labs.host.record import Limits

LAB = "cache-aside"


@pytest.fixture
def starts():
    return []


@pytest.fixture
def admission(starts):
    return Admission(Limits(room=8, queue=20), starts.append)


def ask(admission, number):
    return admission.ask(LAB, f"learner {number}", {})


def test_only_as_many_are_opening_as_are_being_started(admission, starts):
    records = [ask(admission, number) for number in range(STARTS + 3)]

    assert starts == records[:STARTS]
    assert [record.status for record in records] == ["opening"] * STARTS + ["queued"] * 3
    assert [admission.position(record) for record in records] == [0] * STARTS + [1, 2, 3]


def test_a_start_that_is_over_lets_the_next_one_in(admission, starts):
    records = [ask(admission, number) for number in range(STARTS + 2)]

    records[1].status = "open"
    admission.admit()
    records[0].status = "closed"
    admission.admit()

    assert starts == records
    assert admission.queued == 0


def test_a_full_machine_starts_nothing(admission, starts):
    for number in range(10):
        ask(admission, number).status = "open"
        admission.admit()

    assert len(starts) == 8
    assert admission.queued == 2


def test_who_leaves_the_queue_makes_room_in_it(admission):
    records = [ask(admission, number) for number in range(STARTS + 3)]

    admission.leave_queue(records[STARTS])

    assert [admission.position(record) for record in records[STARTS:]] == [0, 1, 2]


def test_a_full_queue_refuses(admission):
    for number in range(STARTS + 20):
        ask(admission, number)

    with pytest.raises(NotNow, match="its queue is too"):
        ask(admission, "one more")


def test_a_learner_has_one_sandbox(admission):
    record = ask(admission, 1)

    assert ask(admission, 1) is record
    with pytest.raises(SandboxTaken):
        admission.ask("database-relief", "learner 1", {})


def test_a_sandbox_answers_only_so_many_calls_at_once(admission):
    record = ask(admission, 1)
    turns = [admission.turn(record) for _ in range(CALLS_AT_ONCE)]
    for turn in turns:
        turn.__enter__()

    with pytest.raises(NotNow), admission.turn(record):
        pass

    for turn in turns:
        turn.__exit__(None, None, None)
    with admission.turn(record):
        assert record.calls == 1


def test_no_more_sandboxes_than_the_host_has_descriptors_for():
    assert Limits(room=50, most=8).sandboxes == 8
    assert Limits(room=5, most=8).sandboxes == 5
    assert Limits(most=1).sandboxes == 1
