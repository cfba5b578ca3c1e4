"""Predictions: what counts as right, and the words that say so."""

import pytest

from labs.catalogue import catalogue
from labs.lab import Prediction


def asked(**about):
    return Prediction("queries", "How many?", lambda sandbox: 0.0, unit="queries", **about)


@pytest.mark.parametrize(
    ("prediction", "predicted", "measured", "words"),
    [
        (asked(tolerance=0.1), 120.0, 114.0, "103 to 125 counted"),
        (
            asked(tolerance=0.1),
            50.0,
            114.0,
            "50 against 114: off by 64; 103 to 125 counted as right",
        ),
        (asked(slack=0.5, decimals=1), 3.2, 3.0, "2.5 to 3.5 counted"),
        (
            asked(slack=0.5, decimals=1),
            0.9,
            3.0,
            "0.9 against 3.0: off by 2.1; 2.5 to 3.5 counted as right",
        ),
        (asked(), 1.0, 1.0, "only 1 counted"),
        (asked(), 10.0, 1.0, "10 against 1: off by 9; only 1 counted as right"),
        (asked(slack=0.4), 2.0, 1.0, "2 against 1: off by 1; only 1 counted as right"),
        (asked(tolerance=0.2, slack=50), 30.0, 60.0, "10 to 110 counted"),
    ],
)
def test_a_verdict_names_the_band_that_counted(prediction, predicted, measured, words):
    assert prediction.verdict(predicted, measured) == words
    assert prediction.holds(predicted, measured) is ("against" not in words)


def test_the_band_of_a_percentage_is_in_points():
    share = Prediction("left", "What share?", lambda sandbox: 0.0, unit="%", slack=5, decimals=1)

    assert share.verdict(7.0, 4.0) == "0.0 % to 9.0 % counted"
    assert share.verdict(20.0, 3.6) == (
        "20.0 % against 3.6 %: off by 16.4 points; 0.0 % to 8.6 % counted as right"
    )


def test_a_choice_needs_no_band():
    choice = Prediction(
        "where", "Where?", lambda sandbox: "here", options=(("here", "Here"), ("there", "There"))
    )

    assert choice.verdict("here", "here") == choice.verdict("there", "here") == ""


PREDICTIONS = [one for lab in catalogue().values() for one in lab.predictions]


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda one: one.name)
def test_what_is_counted_has_a_word_for_one(prediction):
    assert prediction.unit in ("", "%", "s", "ms") or prediction.unit_of_one or prediction.options
