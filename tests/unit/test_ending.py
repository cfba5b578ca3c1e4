"""The card at the end of a lab: what every lab has for it, and how its numbers are shown."""

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from labs.catalogue import catalogue
from labs.lab.ending import Proved, of
from portal.bench.ending import brief, took
from portal.content.loading import load

COURSE = load(Path(__file__).resolve().parents[2] / "lessons")
LABS = list(catalogue().values())
LONGEST_SENTENCE = 24
LONGEST_UNIT = 28


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_lab_has_a_sentence_for_the_exam_with_its_source(lab):
    exam = lab.ending.exam

    assert exam is not None
    assert exam.exams
    assert set(exam.exams) <= {"SAA-C03", "DVA-C02"}
    assert exam.source.startswith("https://docs.aws.amazon.com/AmazonElastiCache/")
    assert exam.checked >= date(2026, 11, 1)
    for sentence in f"{exam.sentence} {exam.today}".split(". "):
        assert len(sentence.split()) <= LONGEST_SENTENCE, sentence


@pytest.mark.parametrize("lab", [lab for lab in LABS if lab.ending.places], ids=lambda lab: lab.id)
def test_what_is_the_engines_and_what_the_services_is_said_in_short_sentences(lab):
    places = lab.ending.places

    for text in (places.engine, places.service, places.missing):
        assert text.endswith(".")
        assert all(len(one.split()) <= LONGEST_SENTENCE for one in text.split(". ")), text


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_check_has_a_number_in_the_order_of_the_checks(lab):
    proved = lab.ending.proved

    assert list(proved) == [check.name for check in lab.checks]
    assert all(len(one.unit) <= LONGEST_UNIT for one in proved.values())


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_what_the_lessons_quote_is_measured_by_a_check_or_a_prediction(lab):
    checks = {check.name for check in lab.checks}
    predictions = {prediction.name for prediction in lab.predictions}

    for figure, source in lab.ending.quoted.items():
        check, _, value = source.partition(".")
        assert check in (checks if value else predictions), figure
        assert COURSE.figure(lab.id, figure) is not None, figure


def test_a_number_names_the_values_that_it_shows():
    assert Proved("{lost} of {acknowledged}", "writes").names == ["lost", "acknowledged"]
    assert Proved("READONLY", "").names == []


def test_a_folder_without_the_file_has_no_card(tmp_path):
    assert of(tmp_path).exam is None
    assert of(tmp_path).proved == {}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (12345, "12,345"),
        (0.4567, "0.46"),
        (57.44, "57.4"),
        (1234.5, "1,234"),
        (3.0, "3"),
        (True, "yes"),
        ("cache-002", "cache-002"),
        (math.inf, "–"),
    ],
)
def test_three_digits_are_enough_in_large_figures(value, shown):
    assert brief(value) == shown


def test_the_time_counts_from_the_opening_if_all_was_met_on_this_bench():
    opened = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
    at = opened.timestamp()

    assert took([at + 30, at + 600, at + 61], opened) == "10 minutes"
    assert took([at + 5], opened) == "1 minute"


def test_the_time_of_several_benches_is_that_between_the_checks():
    opened = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
    at = opened.timestamp()

    assert took([at - 600, at + 60], opened) == "11 minutes from the first check to the last"
    assert took([at - 600, at - 60], None) == "9 minutes from the first check to the last"
    assert took([at - 86_400, at + 60], opened) == "from 26 November to 27 November"


def test_a_hostile_sandbox_has_no_time():
    assert took([-1e30, 1e30], None) == ""
