"""A lab's own view is found in its folder; one that is missing or misspelt is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labs.client import catalogue, folder_of
from portal.bench.views import problems_of, view_of
from portal.web.assets import FOR_EVER, path_of

WITH_A_VIEW = [lab_id for lab_id in catalogue() if view_of(lab_id)]


@pytest.mark.parametrize("lab_id", WITH_A_VIEW)
def test_a_view_and_what_it_loads_are_there(app: Flask, lab_id: str) -> None:
    view = view_of(lab_id)
    assert view

    app.jinja_env.get_template(view)
    text = (folder_of(lab_id) / "view.html").read_text(encoding="utf-8")
    assert all(path_of(name) for name in re.findall(r"asset\('([^']+)'\)", text))


def test_labs_without_a_view_have_none() -> None:
    assert "sessions" in WITH_A_VIEW
    assert view_of("cache-aside") is None


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (("lab.py", "tolerances.toml"), None),
        (("lab.py", "view.html", "view.js", "view.css", "sequence.js"), None),
        (("veiw.html",), "The lab toy has veiw.html, and no view.html that shows them"),
        (("view.js",), "The lab toy has view.js, and no view.html that shows them"),
        (("view.html", "views.html"), "The lab toy has views.html, and its view is view.html"),
    ],
)
def test_a_page_file_that_no_page_finds_is_a_problem(
    tmp_path: Path, files: tuple[str, ...], problem: str | None
) -> None:
    for name in files:
        (tmp_path / name).touch()

    assert problems_of("toy", tmp_path) == ([problem] if problem else [])


def test_the_files_of_a_view_are_served_like_any_asset(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        asset: Any = app.jinja_env.globals["asset"]
        address = asset("labs/sessions/view.js")

    with client.get(address) as response:
        assert response.status_code == 200
        assert response.mimetype == "text/javascript"
        assert response.headers["Cache-Control"] == FOR_EVER
        assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize(
    "name", ["lab.py", "tolerances.toml", "view.html", "none.js", "../sessions/view.js"]
)
def test_nothing_else_of_a_lab_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/static/labs/sessions/{name}").status_code == 404


def test_an_asset_that_is_not_there_is_an_error(app: Flask) -> None:
    asset: Any = app.jinja_env.globals["asset"]

    with app.test_request_context(), pytest.raises(FileNotFoundError):
        asset("js/misspelt.js")
