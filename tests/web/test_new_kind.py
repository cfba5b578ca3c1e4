"""The page of a lab whose kind the project has never seen (tests/samples/new_kind)."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_a_lab_of_a_new_kind_has_its_page(client: FlaskClient) -> None:
    assert "Tally" in client.get("/labs").text

    page = client.get("/labs/tally").text
    assert "Does everything that was added count?" in page
    assert "The tally" in page
