"""Readings are what the counters grew by, and nothing else."""

import pytest

from labs.engines import readings
from labs.engines.memcached import parse_stats
from labs.engines.redis import parse_info
from labs.measure.metrics import METRICS


def cache(**changed):
    counters = {
        "run": 1.0,
        "hits": 100.0,
        "misses": 50.0,
        "operations": 400.0,
        "evicted": 0.0,
        "expired": 0.0,
        "items": 7.0,
        "bytes": 1e6,
        "connections": 3.0,
    }
    return {**counters, **changed}


def test_readings_are_increases_per_second():
    values = readings.of_cache(
        cache(), cache(hits=190.0, misses=60.0, operations=600.0, evicted=4.0), 2.0
    )

    assert values["hit_rate_percent"] == pytest.approx(90)
    assert (
        values["cache_hits_per_s"],
        values["cache_misses_per_s"],
        values["cache_ops_per_s"],
        values["evictions_per_s"],
    ) == (45, 5, 100, 2)
    assert (values["items"], values["cache_bytes"], values["cache_connections"]) == (7, 1e6, 3)


def test_a_hit_rate_without_lookups_is_absent():
    assert "hit_rate_percent" not in readings.of_cache(cache(), cache(), 1.0)


def test_a_restarted_server_counts_from_zero():
    values = readings.of_cache(cache(), cache(run=2.0, hits=120.0, misses=0.0), 1.0)

    assert values["cache_hits_per_s"] == 120
    assert values["hit_rate_percent"] == 100


def test_a_counter_that_was_reset_is_no_negative_reading():
    assert readings.of_cache(cache(), cache(hits=0.0), 1.0)["cache_hits_per_s"] == 0


def test_every_reading_is_a_metric():
    values = readings.of_cache(cache(), cache(hits=101.0), 1.0) | readings.of_database(
        {"run": 1.0, "queries": 1.0}, {"run": 1.0, "queries": 5.0}, 2.0
    )

    assert set(values) <= set(METRICS)
    assert values["database_queries_per_s"] == 2


def test_info_is_read_field_by_field():
    assert parse_info(b"# Stats\r\nkeyspace_hits:4\r\ndb0:keys=2,expires=0\r\n") == {
        "keyspace_hits": "4",
        "db0": "keys=2,expires=0",
    }


def test_an_error_is_no_info():
    with pytest.raises(ValueError, match="LOADING"):
        parse_info(Exception("LOADING Redis is loading the dataset in memory"))


def test_stats_keep_their_numbers_only():
    assert parse_stats(
        [b"STAT pid 12", b"STAT version 1.6.18", b"STAT rusage_user 0.25", b"END"]
    ) == {"pid": 12, "rusage_user": 0.25}
