"""The chart of the page "You": what is drawn of a learner's guesses, and what is said of them."""

import pytest

from portal.accounts.calibration import calibration_of
from portal.models import Prediction

LAB, NUMBER, CHOICE = "write-through-race", "write-through-two-writers", "compare-and-delete"


def predicted(value, measured, *, name=NUMBER, confidence="guessing", held=False, lab=LAB):
    return Prediction(
        lab=lab, name=name, value=value, measured=measured, confidence=confidence, held=held
    )


def test_a_guess_stands_as_far_from_the_middle_as_it_was_off():
    found = calibration_of([predicted(20, 2), predicted(2, 2), predicted(2, 20)])

    assert [mark.y for mark in found.marks] == ["0.0%", "50.0%", "100.0%"]
    assert [mark.x for mark in found.marks] == ["16.7%", "50.0%", "83.3%"]
    assert [guess.off for guess in found.guesses] == [
        "10 times too high",
        "as measured",
        "10 times too low",
    ]


def test_twice_too_high_and_twice_too_low_are_equally_far_off():
    found = calibration_of([predicted(8, 4), predicted(2, 4), predicted(40, 4)])

    assert [guess.factor for guess in found.guesses] == [2, 2, 10]
    assert found.near == 2
    assert found.middle == 2


@pytest.mark.parametrize(
    ("value", "decades", "edge"), [(5, 1, "10"), (50, 2, "100"), (5e9, 3, "1,000")]
)
def test_the_axis_is_as_long_as_it_must_be_and_no_longer_than_three_powers(value, decades, edge):
    found = calibration_of([predicted(value, 1)])

    assert (found.decades, found.edge) == (decades, edge)


def test_a_guess_that_is_off_the_axis_stands_at_its_edge():
    found = calibration_of([predicted(5e9, 1), predicted(1, 5e9)])

    assert [mark.y for mark in found.marks] == ["0.0%", "100.0%"]


def test_a_zero_has_no_ratio_and_is_counted():
    found = calibration_of([predicted(0, 4), predicted(4, 0), predicted(4, 4)])

    assert len(found.marks) == 1
    assert found.without_ratio == 2
    assert found.guesses[0].off == ""


def test_a_choice_counts_as_right_or_not_and_has_no_mark():
    found = calibration_of([predicted("stale", "stale", name=CHOICE, held=True)])

    assert found.right == 1
    assert found.marks == ()
    assert found.without_ratio == 0
    assert found.guesses[0].predicted == "No, some order ends stale"


def test_the_share_that_was_right_is_told_by_confidence():
    found = calibration_of(
        [
            predicted(1, 4),
            predicted(4, 4, held=True),
            predicted(4, 4, confidence="certain", held=True),
        ]
    )

    assert [(share.confidence, share.right, share.of, share.width) for share in found.shares] == [
        ("guessing", 1, 2, "50%"),
        ("fairly", 0, 0, "0%"),
        ("certain", 1, 1, "100%"),
    ]


def test_a_prediction_that_no_lab_asks_for_any_more_is_left_out():
    assert calibration_of([predicted(1, 1, name="gone"), predicted(1, 1, lab="gone")]).guesses == ()
