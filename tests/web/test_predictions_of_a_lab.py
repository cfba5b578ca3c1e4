"""Predictions on a bench: kept before they are measured, refused when they are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from labs.events import MeasuringChanged
from tests.web.faked_labs import FakedLabs, FakedSandbox

LAB = "cache-aside"
HTMX = {"HX-Request": "true"}


def test_a_prediction_is_kept_before_it_is_measured(
    client: FlaskClient, opened: FakedSandbox, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    seen: list[Any] = []
    opened.labs.line.before["measure"] = lambda: seen.extend(
        sql("SELECT value, confidence, measured FROM prediction")
    )

    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads",
        data={"value": "10", "confidence": "certain"},
        headers=HTMX,
    )

    assert seen == [(10.0, "certain", None)]
    assert card.status_code == 200
    for words in (
        "10 queries",
        "1 query<",
        "Your guess was not right.",
        "The first read is a miss and asks the database once.",
    ):
        assert words in card.text
    assert sql("SELECT held FROM prediction") == [(False,)]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("0,5", "0.5 queries"), ("9.9995", "9.9995 queries"), ("1.0", "1 query")],
)
def test_a_prediction_is_shown_as_it_was_typed(
    client: FlaskClient, opened: FakedSandbox, typed: str, shown: str
) -> None:
    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads",
        data={"value": typed, "confidence": "certain"},
        headers=HTMX,
    )

    assert f"<dd>{shown}</dd>" in card.text


def test_a_prediction_without_a_bench_is_kept_and_can_be_run_later(
    client: FlaskClient,
    labs_host: FakedLabs,
    learner_of: Callable[[FlaskClient], str],
    sql: Callable[..., list[tuple[Any, ...]]],
) -> None:
    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads",
        data={"value": "1", "confidence": "fairly"},
        headers=HTMX,
    ).text
    assert "open the bench, then press “Measure it”." in card
    assert "Your prediction is kept." in card
    assert f'hx-post="/labs/{LAB}/sandbox"' in card

    client.post(f"/labs/{LAB}/sandbox")
    labs_host.opened(learner_of(client))
    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads", data={"measure": "yes"}, headers=HTMX
    ).text

    assert "Your guess was right" in card
    assert sql("SELECT count(*) FROM prediction") == [(1,)]


def test_a_prediction_in_a_lesson_opens_the_bench_next_to_the_text(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads",
        data={"value": "1", "confidence": "fairly"},
        headers=HTMX | {"HX-Current-URL": "http://localhost/lessons/first"},
    ).text

    assert f'hx-post="/labs/{LAB}/sandbox?on=lesson"' in card
    assert f'name="next" value="/lessons/first?lab={LAB}#predict-{LAB}-ten-reads"' in card


@pytest.mark.parametrize(
    "form",
    [
        {"value": "many", "confidence": "fairly"},
        {"value": "-1 queries", "confidence": "fairly"},
        {"value": "1", "confidence": "very"},
        {},
    ],
)
def test_a_prediction_that_is_none_is_refused(
    client: FlaskClient,
    opened: FakedSandbox,
    form: dict[str, str],
    sql: Callable[..., list[tuple[Any, ...]]],
) -> None:
    assert client.post(f"/labs/{LAB}/predictions/ten-reads", data=form).status_code == 422
    assert sql("SELECT count(*) FROM prediction") == [(0,)]


@pytest.mark.parametrize(
    ("running", "waiting", "words"),
    [
        ("ten-reads", [], "Measuring on your servers…"),
        ("stale-for", ["ten-reads"], "Waiting: another measurement runs in your sandbox."),
        ("", ["stale-for", "ten-reads"], "Waiting: another measurement runs in your sandbox."),
        ("", ["ten-reads"], "Waiting: your sandbox finishes another request."),
        ("stale-for", [], ""),
        ("", [], ""),
    ],
)
def test_a_form_can_ask_what_becomes_of_its_measurement(
    client: FlaskClient, opened: FakedSandbox, running: str, waiting: list[str], words: str
) -> None:
    opened.tell(MeasuringChanged(running=running, waiting=waiting))

    assert client.get(f"/labs/{LAB}/predictions/ten-reads/progress").text == words


def test_a_stranger_and_a_closed_bench_are_measuring_nothing(
    client: FlaskClient, other: FlaskClient, opened: FakedSandbox
) -> None:
    opened.tell(MeasuringChanged(running="ten-reads", waiting=[]))
    progress = f"/labs/{LAB}/predictions/ten-reads/progress"

    assert other.get(progress).text == ""
    client.post(f"/sandboxes/{opened.id}/close")
    assert client.get(progress).text == ""


def test_a_prediction_says_which_band_counted(client: FlaskClient, opened: FakedSandbox) -> None:
    card = client.post(
        f"/labs/{LAB}/predictions/stale-for",
        data={"value": "3.2", "confidence": "fairly"},
        headers=HTMX,
    ).text

    assert "Your guess was right: 2.5 to 3.4 counted" in card
