"""What checks of labs over the shop share: how stale a read may be, and verdicts as values."""

from types import SimpleNamespace

import pytest

from labs.catalogue.invalidation.checks import told_window
from labs.lab import Choice, Unmet, check, evidence_of, met, mutant, require_seen, unmet
from labs.setups.shop.checks import (
    lasted_longer_than_its_bound,
    longest_staleness_ms,
    require_bounded_staleness,
)
from labs.setups.shop.trials import Row

TTL_ALONE: Row = {
    "name": "ttl",
    "ttl_s": 0.5,
    "stale": 40,
    "staleness_p99_ms": 480.0,
    "staleness_max_ms": 490.0,
    "slowest_miss_ms": 8.0,
    "hit_percent": 70.0,
}
NOTIFIED: Row = TTL_ALONE | {
    "name": "notified",
    "reads": 900,
    "server_hits": 0,
    "server_misses": 0,
    "listeners": 2,
    "clients": 2,
}


def with_rows(*rows):
    load = SimpleNamespace(running=False)
    return SimpleNamespace(found={"windows": list(rows)}, servers={}, link_states={}, load=load)


def test_a_check_gives_a_verdict_whether_or_not_it_is_met():
    def refuses(sandbox):
        raise unmet("Not so.", {"reads": 3})

    assert check("So")(lambda sandbox: met("So.", {})).judge(with_rows()).status == "met"
    assert check("Never")(refuses).judge(with_rows()).evidence == {"reads": 3}


def test_what_was_not_seen_is_unmet_without_evidence():
    assert require_seen([1], "Nothing yet.", hint="Do it.") == [1]
    for nothing in (None, [], {}):
        with pytest.raises(Unmet) as found:
            require_seen(nothing, "Nothing yet.", hint="Do it.")
        verdict = found.value.verdict
        assert (verdict.message, verdict.evidence, verdict.hint) == ("Nothing yet.", {}, "Do it.")


def test_evidence_is_taken_from_a_row_or_from_what_was_observed():
    row: Row = {"reads": 3, "stale": 1}
    assert evidence_of(row) == row
    assert evidence_of(row, "stale", prefix="crash_") == {"crash_stale": 1}
    choice = Choice("mode", "Mode", (), "a")
    assert evidence_of(choice, "label", "name") == {"label": "Mode", "name": "mode"}
    assert list(evidence_of(choice))[:3] == ["name", "label", "options"]


def test_a_mutant_is_called_like_its_function_and_does_what_its_docstring_says():
    so = check("So")(lambda sandbox: met("So.", {}))

    @mutant(so)
    def never_stores(sandbox):
        """Asks the cache, and never
        stores."""

    assert (never_stores.name, never_stores.caught_by) == ("never-stores", so)
    assert never_stores.about == "asks the cache, and never stores"


@pytest.mark.parametrize(("engine", "bound_ms"), [("redis", 510.0), ("memcached", 2_010.0)])
def test_a_read_may_be_stale_for_the_time_to_live_and_the_slowest_miss(engine, bound_ms):
    assert longest_staleness_ms(TTL_ALONE | {"engine": engine}) == bound_ms


@pytest.mark.parametrize(
    ("slowest_miss_ms", "long_enough"), [(10.0, True), (97.0, True), (98.0, False), (600.0, False)]
)
def test_a_trial_that_had_a_slow_miss_is_too_short_to_show_older_answers(
    slowest_miss_ms, long_enough
):
    row = TTL_ALONE | {"ttl_s": 0.5, "slowest_miss_ms": slowest_miss_ms}

    assert lasted_longer_than_its_bound(row, 1) is long_enough
    assert lasted_longer_than_its_bound(row, 4)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"stale": 9}, "too few to see a bound"), ({"staleness_max_ms": 511.0}, "stale by 511 ms")],
)
def test_a_trial_with_too_few_or_too_old_stale_reads_is_unmet(change, says):
    require_bounded_staleness(TTL_ALONE, {}, to_see="a bound")

    with pytest.raises(Unmet, match=says):
        require_bounded_staleness(TTL_ALONE | change, {}, to_see="a bound")


def test_processes_as_stale_as_with_a_time_to_live_alone_are_unmet_with_all_evidence():
    verdict = told_window.judge(with_rows(TTL_ALONE, NOTIFIED))

    assert verdict.status == "unmet"
    assert verdict.evidence["listeners"] == 2
    assert verdict.evidence["stale_reads_ttl_alone"] == 40


def test_processes_that_are_seldom_stale_are_met_with_all_evidence():
    verdict = told_window.judge(with_rows(TTL_ALONE, NOTIFIED | {"stale": 2}))

    assert verdict.status == "met"
    assert verdict.evidence["listeners"] == 2
    assert verdict.evidence["stale_reads"] == 2
