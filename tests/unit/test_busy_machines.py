"""What an experiment counts does not depend on how fast the machine is: it counts until there is
enough to judge, and what arrives late is not taken for something else.
"""

import itertools
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from labs.catalogue.read_replicas import checks, watching
from labs.lab import check, met, unmet
from labs.load.batches import Batch, flow
from labs.load.controller import Tally
from labs.sandbox.experiment import ATTEMPTS, until_met
from labs.sandbox.ledger import Ledger
from labs.setups.replication.bench import topology
from labs.setups.replication.workload import own_read

LABEL = "group", "recorder"


def bench(*batches) -> Any:
    """A bench whose client reports these batches, one whenever a condition was looked at."""
    return Bench(*batches)


def batch(link, reads, stale):
    """What a client reports of reads of its own writes."""
    made = Batch(*LABEL, stale=stale)
    made.times[own_read(link)].extend([200] * reads)
    made.flows[flow(link, "stale")] = stale
    return made


class Bench:
    """What experiments with a replication group ask of a sandbox."""

    def __init__(self, *batches):
        self.load = SimpleNamespace(totals=defaultdict(Tally), running=True)
        self.topology = topology(caches=2, waiting=0, sentinels=False)
        self.settings = {"own_reads": "no"}
        self.set = self.settings.__setitem__
        self.ledger = Ledger()
        self.checker = SimpleNamespace(wake=lambda: None)
        self._batches = iter(batches)

    def part(self, kind):
        far = SimpleNamespace(total_delay_ms=lambda *_: 20.0)
        return SimpleNamespace(
            mesh=far, primary="cache-001", endpoints=SimpleNamespace(readers=["cache-002"])
        )

    def wait_until(self, condition, *, deadline_s, every_s=0.02):
        while not condition():
            self.load.totals[LABEL].add(next(self._batches))
        return True


def test_a_read_of_another_endpoint_that_is_reported_late_counts_there():
    late, own = batch("to-reader", 30, 30), batch("to-primary", 60, 0)

    found = watching.own_reads(bench(late, own), "primary", 0.0)

    assert (found.reads, found.stale) == (60, 0)


def test_own_reads_are_counted_until_there_are_enough():
    few = itertools.repeat(batch("to-reader", 7, 7))

    found = watching.own_reads(bench(*itertools.islice(few, 20)), "reader", 0.0)

    assert found.reads >= watching.LEAST_OWN
    assert found.stale == found.reads


def lag(took_ms, delay_ms=0.0):
    return watching.Lag("cache-002", 100, took_ms, delay_ms)


@pytest.mark.parametrize(
    ("lags", "status"),
    [
        ([lag(0.9), lag(20.4, 20.0)], "met"),
        ([lag(31.0), lag(0.9), lag(47.0, 20.0), lag(20.4, 20.0)], "met"),
        ([lag(0.9), lag(33.0, 20.0), lag(1.2, 20.0)], "unmet"),
        ([lag(0.9), lag(1.2, 20.0), lag(33.0, 20.0)], "unmet"),
        ([lag(0.9), lag(1.2, 20.0), *[lag(20.4, 20.0)] * 3], "met"),
        ([lag(20.4, 20.0)], "unmet"),
    ],
    ids=["quiet", "held-up", "not-slowed", "not-slowed-but-held-up", "later", "no-whole-link"],
)
def test_a_write_that_the_machine_held_up_is_not_taken_for_a_slow_link(lags, status):
    seen = bench()
    seen.ledger.observations.extend(lags)

    assert checks.lags.judge(seen).status == status


@check("It is met in the end")
def third_time(sandbox):
    if sandbox.attempts >= sandbox.needed:
        return met("It was.", {"attempts": sandbox.attempts})
    raise unmet("It was not.", {"attempts": sandbox.attempts}, hint="Try again.")


@pytest.mark.parametrize(("needed", "made"), [(1, 1), (2, 2), (ATTEMPTS + 1, ATTEMPTS)])
def test_an_attempt_is_made_again_until_the_check_is_met_but_not_for_ever(needed, made):
    sandbox: Any = SimpleNamespace(attempts=0, needed=needed)

    def attempt(it):
        it.attempts += 1

    until_met(sandbox, third_time, attempt)

    assert sandbox.attempts == made
