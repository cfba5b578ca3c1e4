"""What every answer says about itself."""

from __future__ import annotations

import dataclasses
import re

import pytest

from portal.app import create_app
from portal.web.assets import FOR_EVER

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "
    "'self'; connect-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/lessons/first",
        "/lessons/first/quiz",
        "/me",
        "/labs",
        "/nowhere",
        "/healthz",
        "/static/css/tokens.css",
    ],
)
def test_every_answer_carries_the_policy(client, path):
    with client.get(path) as response:
        headers = response.headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert (
        headers["Cross-Origin-Opener-Policy"]
        == headers["Cross-Origin-Resource-Policy"]
        == "same-origin"
    )
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/lessons/first",
        "/lessons/first/quiz",
        "/me",
        "/labs",
        "/labs/sample-lab",
        "/nowhere",
        "/patterns",
    ],
)
def test_pages_keep_to_the_policy(client, path):
    page = client.get(path).text

    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|hx-on|hx-vals=.js:", page)
    assert not re.search(r'<script(?![^>]*\bsrc=| type="application/json")', page)
    assert not re.search(r'(src|href)="(https?:)?//', re.sub(r'<a [^>]*href="https://', "", page))


def test_pages_of_a_known_learner_are_not_stored(client):
    client.post("/lessons/first/progress", data={"section": "the-end"})

    for path in ("/", "/lessons/first", "/lessons/first/quiz", "/me"):
        assert client.get(path).headers["Cache-Control"] == "no-store"
        assert "Cookie" in client.get(path).headers["Vary"]


def test_files_are_kept_for_ever_under_the_hash_of_them_all(client):
    page = client.get("/labs").text
    address = re.search(r'href="(/static/v-[0-9a-f]{12}/bundles/site\.css)"', page)
    assert address

    for path, kept in (
        (address[1], FOR_EVER),
        ("/static/v-000000000000/bundles/site.css", "no-cache"),
        ("/static/css/tokens.css", "no-cache"),
    ):
        with client.get(path) as response:
            assert response.status_code == 200
            assert response.headers["Cache-Control"] == kept


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../portal/settings.py",
        "/static/%2e%2e/portal/settings.py",
        "/static//etc/passwd",
        "/static/v-1/../../pyproject.toml",
    ],
)
def test_nothing_else_is_served_as_a_file(client, path):
    assert client.get(path).status_code in (308, 404)


def test_a_host_that_is_not_ours_is_refused(sample_labs, settings):
    client = create_app(dataclasses.replace(settings, trusted_hosts=("lab.example",))).test_client()

    assert client.get("/healthz", base_url="http://lab.example").status_code == 200
    assert client.get("/healthz", base_url="http://evil.example").status_code == 400


def test_forwarded_headers_are_believed_only_from_proxies_that_were_named(sample_labs, settings):
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3"}

    plain = create_app(settings).test_client().get("/healthz", headers=told)
    behind = (
        create_app(dataclasses.replace(settings, trusted_proxies=1))
        .test_client()
        .get("/healthz", headers=told)
    )

    assert "Strict-Transport-Security" not in plain.headers
    assert "Strict-Transport-Security" in behind.headers


def test_two_sites_live_in_one_process(sample_labs, settings):
    one, two = create_app(settings), create_app(dataclasses.replace(settings, secret_key="b" * 40))

    assert one.extensions["cacheground"] is not two.extensions["cacheground"]
    assert one.test_client().get("/").status_code == two.test_client().get("/").status_code == 200
