"""TILT mode of sentinels as a group keeps it: what is emitted, marked and said of it."""

import time

import pytest

from labs.engines.sentinel import TILT_S
from labs.setups.replication.tilt import Tilt, Tilts, marks_of, tilted_s, warning


@pytest.fixture
def tilts():
    made = Tilts(dict, emitted.append)
    emitted.clear()
    return made


emitted = []


def test_a_tilt_is_emitted_when_it_begins_when_it_begins_again_and_when_it_ends(tilts):
    tilts.note("sentinel-a", 20.0)
    tilts.note("sentinel-a", 19.5)
    tilts.note("sentinel-a", 29.0)
    assert tilts.in_tilt() == ["sentinel-a"]
    tilts.note("sentinel-a", 0.0)
    tilts.note("sentinel-a", 0.0)

    assert [event.left_s for event in emitted] == [20.0, 29.0, 0.0]
    assert tilts.in_tilt() == []
    assert tilts.left_s() == 0.0


def test_a_sentinel_that_does_not_say_since_when_is_in_tilt_mode_once(tilts):
    for _ in range(3):
        tilts.note("sentinel-a", TILT_S)
        tilts.seen[0].until -= 10.0  # as if so long had passed

    assert len(emitted) == 1


def test_a_sentinel_that_is_gone_is_no_longer_in_tilt_mode(tilts):
    tilts.note("sentinel-a", 20.0)
    tilts.look()

    assert tilts.in_tilt() == []


def test_the_last_end_is_now_while_one_lasts(tilts):
    assert tilts.last_end() == 0.0
    tilts.note("sentinel-a", TILT_S)
    before = time.monotonic()
    assert before <= tilts.last_end() <= time.monotonic()
    tilts.note("sentinel-a", 0.0)
    assert tilts.last_end() == tilts.last_end()


def test_what_sentinels_did_together_is_one_mark():
    spans = [
        Tilt("sentinel-a", 10.0, 40.0, 40.0),
        Tilt("sentinel-b", 10.1, 40.1, 40.1),
        Tilt("sentinel-c", 30.0, 60.0),
    ]

    assert marks_of(spans, 12.0, 50.0) == [
        (12.0, "2 sentinels in TILT mode"),
        (30.0, "sentinel-c in TILT mode"),
        (40.1, "2 sentinels out of TILT mode"),
    ]


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([("a", 0.0, 5.0)], 0.0),
        ([("a", 0.0, 15.0), ("b", 0.0, 16.0)], 6.0),
        ([("a", 12.0, 15.0), ("b", 20.0, None)], 13.0),
    ],
)
def test_the_time_in_tilt_mode_counts_once_however_many_are_in_it(spans, seconds):
    seen = [Tilt(name, began, began + TILT_S, ended) for name, began, ended in spans]

    assert tilted_s(seen, 10.0, 30.0) == seconds


@pytest.mark.parametrize(
    ("free", "quorum", "detection_ms", "ends", "says", "does_not_say"),
    [
        (2, 2, 1_000, True, "enough to start a failover", "before that"),
        (1, 1, 1_000, True, "enough to start a failover", "before that"),
        (1, 2, 1_000, True, "bring the primary back", "enough"),
        (1, 2, 1_000, False, "no failover starts before that", "bring the primary back"),
        (1, 2, 5_000, True, "no failover starts before that", "bring the primary back"),
    ],
)
def test_what_to_expect_of_a_fault_follows_from_who_is_left(
    tilts, free, quorum, detection_ms, ends, says, does_not_say
):
    assert warning(tilts, free=3, quorum=2, detection_ms=1_000, ends=True) == ""
    tilts.note("sentinel-a", 29.0)

    said = warning(tilts, free=free, quorum=quorum, detection_ms=detection_ms, ends=ends)

    assert said.startswith("sentinel-a is in TILT mode")
    assert says in said
    assert does_not_say not in said
