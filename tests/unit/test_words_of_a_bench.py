"""The words that a bench and the foot of each page say of what runs."""

from portal.bench.words import in_words


def test_what_runs_is_named_once():
    versions = {"balancer": "Python 3.11.7", "instance": "Python 3.11.7", "redis": "7.0.15"}

    assert in_words(versions) == "Python 3.11.7, Redis 7.0.15"


def test_where_nothing_runs_there_are_no_words():
    assert in_words({}) == ""
