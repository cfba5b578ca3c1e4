"""The cache in the application's own process, and how stale reads are counted into bars."""

from labs.caching.local import Local
from labs.lab import Strategy
from labs.measure.latency import Latencies


def test_what_is_kept_is_found_until_it_is_forgotten_or_its_time_is_over():
    looks = []
    local = Local(lambda key, found, _took_ms: looks.append((key, found)))

    local.set("row:1", {"version": 1}, 60)
    local.set("row:2", {"version": 1}, 0)
    local.set("row:3", {"version": 1}, -1)
    local.forget("row:1")
    local.forget("row:9")

    assert local.get("row:1") is None
    assert local.get("row:2") == {"version": 1}
    assert local.get("row:3") is None
    assert looks == [("row:1", False), ("row:2", True), ("row:3", False)]


def test_a_strategy_stores_for_as_long_as_the_controls_say_and_without_end_where_it_should():
    def read():
        """Never run."""

    assert Strategy("a", "A", read).ttl_s({"ttl_s": 5.0}) == 5
    assert Strategy("a", "A", read).ttl_s({"ttl_s": 5.0, "expires": "off"}) == 0
    assert Strategy("a", "A", read, expires=False).ttl_s({"ttl_s": 5.0}) == 0
    assert Strategy("a", "A", read).ttl_s({}) == 60


def test_durations_are_counted_between_edges():
    latencies = Latencies()
    latencies.record([100, 1_500, 1_600, 3_000, 70_000])

    assert latencies.counts((1, 2, 4)) == [1, 2, 1, 1]
    assert Latencies().counts((1, 2)) == [0, 0, 0]
