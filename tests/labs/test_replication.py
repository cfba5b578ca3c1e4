"""A replication group on real servers: what lies between its members, who becomes the primary, what
endpoints do, and what is lost.
"""

import time
from pathlib import Path

import pytest

from labs.errors import LabsError, NotNow
from labs.headless import own_supervisor
from scripts.repeated_failovers import FAULTS, Outside
from tests.processes import lives
from tests.waiting import eventually

KINDS = ("cage", "process")


@pytest.fixture(scope="module", params=KINDS)
def supervisor(request):
    with own_supervisor(request.param) as supervisor:
        yield supervisor


@pytest.fixture
def group(supervisor):
    outside = Outside(supervisor)
    yield outside
    outside.end()


def ask(group, server, command):
    return group._supervisor.call(group.id, "console", server=server, command=command)["output"]


def test_it_is_open_with_replicas_that_hear_their_primary(supervisor):
    outside = Outside(supervisor)
    try:
        assert outside.settled()
        assert outside.primary == "cache-001"
        assert '"connected"' in ask(outside, "cache-002", "ROLE")
    finally:
        outside.end()


def test_a_write_to_a_replica_is_refused_in_its_own_words(group):
    assert (
        ask(group, "cache-002", "SET key value")
        == "(error) READONLY You can't write against a read only replica."
    )


def test_a_member_that_was_paused_gets_the_settings_that_changed_meanwhile(supervisor):
    outside = Outside(supervisor, settings={"detection_ms": 10_000})
    try:
        supervisor.call(outside.id, "server", name="cache-001", verb="pause")
        outside.choose("min_replicas", "2")
        supervisor.call(outside.id, "server", name="cache-001", verb="resume")
        supervisor.call(outside.id, "server", name="cache-002", verb="pause")

        eventually(lambda: ask(outside, "cache-001", "SET key value").startswith("(error) NOREP"))
    finally:
        outside.end()


def test_a_replica_keeps_no_file_of_its_first_copy(supervisor):
    """It would load that file when it comes back as a primary without replicas."""
    outside = Outside(supervisor)
    try:
        assert outside.settled()
        folders = [
            Path(f"/proc/{process.pid}/root", process.cmdline()[1].lstrip("/")).parent
            for process in supervisor.processes(outside.id)
            if process.name() == "redis-server" and "cache-" in process.cmdline()[1]
        ]
        assert [(folder / "redis.conf").is_file() for folder in folders] == [True] * 3
        eventually(lambda: not any((folder / "dump.rdb").exists() for folder in folders))
    finally:
        outside.end()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_moves_the_endpoint_and_both_counts_of_what_is_lost_agree(group, fault):
    if fault == "lose-primary":
        group.choose("zone_delay_ms", 20)
        group.choose("client_zone", "zone a")

    counted = group.fail_over(fault)

    assert counted.problem == ""
    assert counted.lost == counted.recounted
    assert counted.promoted == group.primary != "cache-001"
    assert counted.acknowledged > 50


def test_what_an_earlier_fault_lost_does_not_count_as_a_survivor_of_the_next(group):
    group.choose("zone_delay_ms", 20)
    group.choose("client_zone", "zone a")
    assert group.fail_over("lose-primary").lost
    group.choose("replicas", "0")
    flown = len(group.records)

    group.act("kill-primary")
    group.act("bring-back")
    group.act("end-flight")

    group.wait(lambda: len(group.records) > flown, 20.0, "the flight was over")
    results = group.records[-1].results
    assert results["lost_before"] == results["acknowledged_before"] > 0


def test_replicas_that_were_frozen_lose_nothing_where_the_primary_refuses_without_them(supervisor):
    outside = Outside(
        supervisor, settings={"min_replicas": "1", "writes_per_s": 1_000, "detection_ms": 10_000}
    )
    try:
        for name in ("cache-002", "cache-003"):
            supervisor.call(outside.id, "server", name=name, verb="pause")
        flown = len(outside.acknowledged)
        eventually(lambda: not _is_acknowledged(outside))
        assert len(outside.acknowledged) > flown
        outside.act("kill-primary")
        for name in ("cache-002", "cache-003"):
            supervisor.call(outside.id, "server", name=name, verb="resume")
        outside.wait(lambda: bool(outside.records), 45.0, "the flight was over")

        assert outside.primary != "cache-001"
        assert outside.acknowledged_then - outside.held(outside.primary) == set()
        assert outside.records[-1].results["lost"] == 0
    finally:
        outside.end()


def _is_acknowledged(outside):
    before = len(outside.acknowledged)
    time.sleep(0.5)
    return len(outside.acknowledged) > before


def test_a_zone_whose_answers_are_lost_is_as_good_as_cut_off(group):
    group.choose("client_zone", "zone b")
    group.act("cut-zone", way="out")
    group.wait(lambda: group.primary != "cache-001", 20.0, "another was promoted")
    group.act("heal")
    group.act("gather")
    group.wait(lambda: bool(group.records), 45.0, "the flight was over")

    assert group.records[-1].results["promoted"] == group.primary


def test_with_two_sentinels_down_no_replica_is_promoted(group, supervisor):
    for name in ("sentinel-b", "sentinel-c"):
        supervisor.call(group.id, "server", name=name, verb="kill")
    group.act("kill-primary")
    time.sleep(4.0)

    assert group.primary == "cache-001"
    with pytest.raises(LabsError):
        group.act("planned")


def test_a_fault_while_a_flight_is_under_way_is_refused(group):
    group.act("pause-primary")
    with pytest.raises(NotNow):
        group.act("kill-primary")


def test_everything_is_as_at_the_start_after_a_reset(group, supervisor):
    group.fail_over("kill-primary")
    supervisor.call(group.id, "reset")

    assert group.primary == "cache-001"
    group.wait(group.settled, 10.0, "everybody follows cache-001")
    group.act("start")
    assert group.fail_over("kill-primary").problem == ""


def test_nothing_of_it_is_left_when_it_ends_in_the_middle_of_a_failover(supervisor):
    outside = Outside(supervisor)
    outside.act("lose-primary")
    processes = supervisor.processes(outside.id)

    outside.end()

    assert len(processes) > 8
    eventually(lambda: not [process for process in processes if lives(process)], within_s=5.0)
