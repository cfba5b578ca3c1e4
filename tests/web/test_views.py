"""A lab's own view is found in its folder; one that is missing or misspelt is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labs.client import catalogue, folder_of
from portal.bench.views import problems_of
from portal.web.assets import FOR_EVER

WITH_A_VIEW = [lab_id for lab_id in catalogue() if (folder_of(lab_id) / "view.html").is_file()]


def template_global(app: Flask, name: str) -> Any:
    return app.jinja_env.globals[name]


@pytest.mark.parametrize("lab_id", WITH_A_VIEW)
def test_a_view_and_what_it_loads_are_there(app: Flask, lab_id: str) -> None:
    view, asset = template_global(app, "view_of")(lab_id), template_global(app, "asset")

    app.jinja_env.get_template(view)
    text = (folder_of(lab_id) / "view.html").read_text(encoding="utf-8")
    with app.test_request_context():
        assert all(asset(name) for name in re.findall(r"asset\('([^']+)'\)", text))


def test_labs_without_a_view_have_none(app: Flask) -> None:
    assert "sessions" in WITH_A_VIEW
    assert template_global(app, "view_of")("cache-aside") is None


def test_views_are_found_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", unreadable)

    assert template_global(app, "view_of")("sessions") == "labs/sessions/view.html"
    assert app.jinja_env.get_template("labs/sessions/view.html")


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


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lab's folder .*/none can't be read: No such file"):
        problems_of("toy", tmp_path / "none")


def test_the_files_of_a_view_are_served_like_any_asset(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        address = template_global(app, "asset")("labs/sessions/view.js")

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
    with app.test_request_context(), pytest.raises(FileNotFoundError):
        template_global(app, "asset")("js/misspelt.js")
