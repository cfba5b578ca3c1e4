"""The ledger keeps what was seen, within bounds, and gives checks the newest that fits."""

import pytest

from labs.lab import Unmet
from labs.sandbox.ledger import LEFT_OUT_AT_ONCE, MOST_OBSERVATIONS, Ledger


def test_of_observations_the_oldest_go_when_there_are_too_many():
    ledger = Ledger()

    for number in range(MOST_OBSERVATIONS + 1):
        ledger.observe(number)

    assert ledger.seen(int) == list(range(LEFT_OUT_AT_ONCE, MOST_OBSERVATIONS + 1))


def test_a_check_gets_the_newest_that_fits():
    ledger = Ledger()
    ledger.observe(1, "two", 3, 4)

    assert ledger.require_newest(int, "No number yet.", lambda one: one < 4, hint="Count.") == 3


def test_without_one_that_fits_the_check_is_unmet_and_has_seen_nothing():
    with pytest.raises(Unmet) as caught:
        Ledger().require_newest(int, "No number yet.", hint="Count.")

    assert caught.value.verdict.message == "No number yet."
    assert caught.value.verdict.hint == "Count."
    assert not caught.value.verdict.evidence
