"""Where a post comes from, told by the headers that browsers send."""

from __future__ import annotations

import pytest

from portal.web.csrf import comes_from_here


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_browser_that_says_here_is_believed(site):
    assert comes_from_here(site, None, "localhost:8000")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN"])
def test_a_browser_that_says_elsewhere_is_refused_whatever_its_origin(site):
    assert not comes_from_here(site, "http://localhost:8000", "localhost:8000")


def test_on_a_plain_http_host_of_the_lan_the_origin_decides():
    assert comes_from_here(None, "http://10.0.0.5:8000", "10.0.0.5:8000")
    assert not comes_from_here(None, "http://10.0.0.6:8000", "10.0.0.5:8000")
    assert not comes_from_here(None, "http://10.0.0.5:8001", "10.0.0.5:8000")
    assert not comes_from_here(None, "http://10.0.0.5", "10.0.0.5:8000")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "http://",
        "http://[::1",
        "file://localhost:8000",
        "//localhost:8000",
        "http://localhost:8000@evil.example",
    ],
)
def test_an_origin_that_says_nothing_is_refused(origin):
    assert not comes_from_here(None, origin, "localhost:8000")


def test_a_class_on_a_plain_http_host_can_answer(client, sql):
    there = {"base_url": "http://10.0.0.5:8000", "data": {"section": "the-end"}}

    own = client.post(
        "/lessons/first/progress",
        headers={"Sec-Fetch-Site": None, "Origin": "http://10.0.0.5:8000"},
        **there,
    )
    foreign = client.post(
        "/lessons/first/progress",
        headers={"Sec-Fetch-Site": None, "Origin": "http://10.0.0.99"},
        **there,
    )

    assert own.status_code == 204
    assert foreign.status_code == 403
    assert sql("SELECT count(*) FROM progress") == [(1,)]


def test_looking_is_allowed_from_anywhere(client):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
