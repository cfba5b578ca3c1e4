"""Every error has a page, a fragment and a status, and tells nothing that it should not."""

from __future__ import annotations

import json

import pytest
from flask import abort
from sqlalchemy import text

from labs.errors import LabsError, NotNow
from portal.web.errors import STATUS, status_of
from portal.web.services import db


def name_of(error: type[LabsError]) -> str:
    return error.kind


def kinds(base: type[LabsError] = LabsError) -> set[type[LabsError]]:
    return {base}.union(
        *(kinds(kind) for kind in base.__subclasses__() if kind.__module__.startswith("labs"))
    )


ERRORS = sorted(kinds(), key=name_of)


def test_every_error_of_the_labs_has_a_status_or_refines_one_that_has():
    assert all(STATUS.keys() & set(error.__mro__) - {LabsError} for error in kinds() - {LabsError})


def test_a_reason_why_something_cannot_be_done_now_is_answered_like_not_now():
    assert {status_of(error) for error in kinds(NotNow)} == {409}


@pytest.fixture
def failing(app):
    """A page that fails as it is told."""

    @app.get("/fail/<kind>")
    def fail(kind: str) -> str:
        if kind == "code":
            raise RuntimeError("secret detail")
        if kind == "sql":
            db().execute(text("SELECT nonsense"))
        if kind == "abort":
            abort(404)
        error = next(error for error in ERRORS if error.kind == kind)
        raise error(
            "A sentence <b>for</b> the learner.", hint="What to do.", detail="secret detail"
        )

    return app.test_client()


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
def test_an_error_of_the_labs_is_a_page_for_a_reader(failing, error):
    response = failing.get(f"/fail/{error.kind}")

    assert response.status_code == status_of(error)
    assert "<html" in response.text
    assert (
        "A sentence &lt;b&gt;for&lt;/b&gt; the learner." in response.text
        and "What to do." in response.text
    )
    assert "secret detail" not in response.text
    assert response.headers["X-Request-Id"] in response.text


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"Sec-Fetch-Dest": "empty"}])
def test_an_error_is_a_fragment_for_a_script(failing, headers):
    response = failing.get("/fail/not-now", headers=headers)

    assert response.status_code == 409
    assert "<html" not in response.text and "What to do." in response.text


def test_htmx_says_an_error_where_it_was_asked_for_and_swaps_nothing(failing):
    response = failing.get("/fail/not-now", headers={"HX-Request": "true"})

    assert response.headers["HX-Reswap"] == "none"
    assert json.loads(response.headers["Outcome"]) == {
        "text": "A sentence <b>for</b> the learner.",
        "hint": "What to do.",
        "sense": "error",
    }


def test_a_script_of_ours_reads_a_refusal_in_a_header(failing):
    """Chrome reports each 4xx that a script gets as an error of the page."""
    asked = {"HX-Request": "true", "Refusals": "in-header"}
    response = failing.get("/fail/not-now", headers=asked)

    assert (response.status_code, response.headers["Refused"]) == (200, "409")
    assert "What to do." in response.text
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}, {"Refusals": "no"}])
def test_everybody_else_gets_the_status_of_a_refusal(failing, headers):
    response = failing.get("/fail/not-now", headers=headers)

    assert response.status_code == 409
    assert "Refused" not in response.headers


@pytest.mark.parametrize("kind", ["host-away", "code"])
def test_a_fault_of_the_site_is_no_refusal(failing, kind):
    response = failing.get(f"/fail/{kind}", headers={"Refusals": "in-header"})

    assert response.status_code >= 500
    assert "Refused" not in response.headers


def test_what_was_not_refused_is_as_it_was(client):
    response = client.get("/labs", headers={"Refusals": "in-header"})

    assert response.status_code == 200
    assert "Refused" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"HX-Request": "true", "HX-Boosted": "true"},
        {"HX-Request": "true", "HX-Request-Type": "full"},
    ],
)
def test_htmx_that_wants_a_page_gets_a_page(failing, headers):
    assert "<html" in failing.get("/fail/not-now", headers=headers).text


def test_labs_that_are_away_say_when_to_come_back(failing):
    assert failing.get("/fail/host-away").headers["Retry-After"] == "2"


@pytest.mark.parametrize("kind", ["code", "sql"])
def test_a_fault_of_ours_tells_nothing(failing, kind, caplog):
    response = failing.get(f"/fail/{kind}")

    assert response.status_code == 500
    assert (
        "secret" not in response.text
        and "Traceback" not in response.text
        and "SELECT" not in response.text
    )
    assert response.headers["X-Request-Id"] in caplog.text


def test_a_page_that_is_not_there_says_so(failing):
    assert "There is no such page." in failing.get("/fail/abort").text
    assert failing.get("/nowhere").status_code == 404


def test_a_wrong_method_is_told_which_is_right(client):
    response = client.post("/me")

    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_a_body_that_is_too_large_is_refused(client):
    assert (
        client.post("/lessons/first/quiz/a-number", data={"value": "1" * 300_000}).status_code
        == 413
    )


def test_a_refused_form_has_a_way_back_to_its_page(client):
    page = client.post(
        "/labs/sample-lab/sandbox", headers={"Referer": "http://localhost/labs/sample-lab?ttl_s=30"}
    )

    assert page.status_code == 503
    assert 'href="/labs/sample-lab?ttl_s=30">Back to where you were</a>' in page.text


def test_a_form_of_another_site_has_no_way_back_there(client):
    page = client.post("/labs/sample-lab/sandbox", headers={"Referer": "http://elsewhere/trap"})

    assert "elsewhere" not in page.text
