"""Numbers as people type them: read, refused with what would be right, or asked back."""

import math

import pytest

from labs.client import catalogue
from labs.errors import BadInput
from labs.lab import Number, number_from
from portal.bench.log_scale import stops
from portal.bench.values import plain

THIN, NARROW, NO_BREAK, MINUS = "\u2009", "\u202f", "\u00a0", "\u2212"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0,5", 0.5),
        ("0.5", 0.5),
        (",5", 0.5),
        ("5,", 5),
        ("12,50", 12.5),
        ("0,500", 0.5),
        ("0.125", 0.125),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1.234,567", 1234.567),
        ("1.234.567", 1_234_567),
        ("1,234,567", 1_234_567),
        ("1,00,000", 100_000),
        ("1234,567", 1234.567),
        ("1 234,5", 1234.5),
        (f"1{THIN}234", 1234),
        (f"1{NARROW}234{NARROW}567", 1_234_567),
        (f"1{NO_BREAK}234", 1234),
        ("1'234.5", 1234.5),
        ("1’234", 1234),
        ("1_234", 1234),
        (f"{MINUS}5", -5),
        ("+5", 5),
        ("٣", 3),
        ("١٢٫٥", 12.5),
        ("1e3", 1000),
        ("1,5E-3", 0.0015),
        ("  7\n", 7),
        ("\u200e7", 7),
        ("12 ms", 12),
        ("12ms", 12),
        ("12 MS", 12),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_what_can_mean_one_number_is_that_number(typed, meant):
    assert number_from(typed, units=("ms",)) == meant


@pytest.mark.parametrize(
    ("typed", "whole", "small"),
    [
        ("1.234", "1234", "1.2340"),
        ("1,234", "1234", "1.2340"),
        ("-1,234", "-1234", "-1.2340"),
        ("12.500", "12500", "12.50"),
        ("100.000 ms", "100000", "100.0"),
    ],
)
def test_what_can_mean_two_numbers_is_asked_back_with_both(typed, whole, small):
    with pytest.raises(BadInput) as caught:
        number_from(typed, units=("ms",))

    assert f"Type {whole} for the one, or {small} for the other." == caught.value.hint
    assert number_from(whole) != number_from(small)
    assert {number_from(whole), number_from(small)} == {
        float(typed.replace(",", ".").rstrip(" ms")),
        float(typed.replace(",", ".").rstrip(" ms")) * 1000,
    }


def test_a_range_decides_between_two_readings():
    assert number_from("1.234", minimum=0, maximum=300) == 1.234
    assert number_from("1.234", minimum=1000, maximum=5000) == 1234


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "many", "nan", "NaN", "inf", "-Infinity", "1e999", "1e", "e5", "0x10", "--1"),
        *("1-2", "1 2", "1_0", "1,2,3", "1.2.3", "1.234 567", "1,234.567.8", "12 s", "12 %"),
        *("²", "½", "五", "\x00", "1\x00", "<script>", "9" * 16, "0." + "1" * 40, ".", ",", "-"),
        *("9" * 5_000, "1" * 41),
        *(None, True, [1], {"value": 1}, 10**400, math.nan, math.inf),
    ],
    ids=lambda typed: repr(typed)[:20],
)
def test_what_means_no_number_is_refused_with_what_would_be_right(typed):
    with pytest.raises(BadInput) as caught:
        number_from(typed, what="The delay", units=("ms",))

    assert "Type" in caught.value.hint
    assert len(str(caught.value)) < 120
    assert str(caught.value).isprintable()


def test_a_number_out_of_range_is_refused_with_the_range():
    with pytest.raises(BadInput) as caught:
        number_from("301", what="Time to live", units=("s",), minimum=1, maximum=300)

    assert str(caught.value) == "Time to live cannot be “301”."
    assert caught.value.hint == "Type a number from 1 to 300 s."


def test_every_value_of_every_fader_is_read_as_itself():
    faders = [c for lab in catalogue().values() for c in lab.controls if isinstance(c, Number)]
    assert faders

    for fader in faders:
        values = (
            [value for _, value in stops(fader)]
            if fader.scale == "log"
            else [fader.minimum, fader.maximum, fader.default, fader.minimum + fader.step]
        )
        for value in values:
            assert fader.parse(plain(value)) == pytest.approx(value, rel=1e-5), (fader.name, value)
