"""Who may do what: every route with every method has a row here, and a route without one fails.

Actors: a stranger (no cookie), the owner of the sandbox, another learner. Whatever may change
something is refused to all of them when it comes from another site. `None`: not asked (a stream
that does not end).
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from portal import access
from tests.web.faked_labs import faked_labs

SAMPLE = {
    "slug": "first",
    "question_id": "a-number",
    "token": "nobody-has-this",
    "link": 1,
    "filename": "css/tokens.css",
    "lab_id": "sample-lab",
    "server": "cache",
    "address": "nobody-shares-this-one",
}

# (method, rule): (stranger, owner, another learner)
TABLE: dict[tuple[str, str], tuple[int | None, int | None, int | None]] = {
    ("GET", "/"): (200, 200, 200),
    ("GET", "/healthz"): (200, 200, 200),
    ("GET", "/static/<path:filename>"): (200, 200, 200),
    ("GET", "/patterns"): (200, 200, 200),
    ("GET", "/glossary"): (200, 200, 200),
    ("GET", "/notes"): (200, 200, 200),
    ("GET", "/lessons/<slug>"): (200, 200, 200),
    ("POST", "/lessons/<slug>/progress"): (422, 422, 422),
    ("POST", "/lessons/<slug>/read"): (303, 303, 303),
    ("GET", "/lessons/<slug>/quiz"): (200, 200, 200),
    ("GET", "/lessons/<slug>/quiz/<question_id>"): (302, 302, 302),
    ("POST", "/lessons/<slug>/quiz/<question_id>"): (422, 422, 422),
    ("GET", "/patterns/flights/<name>.json"): (404, 404, 404),
    ("GET", "/flights"): (200, 200, 200),
    ("GET", "/flights/<address>"): (404, 404, 404),
    ("GET", "/flights/<address>.json"): (404, 404, 404),
    ("POST", "/flights/<address>/delete"): (404, 404, 404),
    ("GET", "/me"): (200, 200, 200),
    ("POST", "/me/recovery"): (200, 200, 200),
    ("POST", "/me/recovery/<int:link>/revoke"): (404, 404, 404),
    ("POST", "/me/delete"): (404, 422, 422),
    ("GET", "/recover/<token>"): (404, 404, 404),
    ("POST", "/recover/<token>"): (404, 404, 404),
    ("GET", "/labs"): (200, 200, 200),
    ("GET", "/labs/<lab_id>"): (200, 200, 200),
    ("GET", "/labs/<lab_id>/bench"): (200, 200, 200),
    ("GET", "/labs/<lab_id>/end"): (200, 200, 200),
    ("GET", "/labs/<lab_id>/shop"): (404, 404, 404),
    ("POST", "/labs/<lab_id>/sandbox"): (303, 303, 303),
    ("GET", "/labs/<lab_id>/predictions/<name>"): (200, 200, 200),
    ("GET", "/labs/<lab_id>/predictions/<name>/progress"): (200, 200, 200),
    ("POST", "/labs/<lab_id>/predictions/<name>"): (422, 422, 422),
    ("POST", "/labs/<lab_id>/console/<server>"): (409, 422, 409),
    ("GET", "/sandboxes/<sandbox>"): (404, 303, 404),
    ("GET", "/sandboxes/<sandbox>/events"): (404, None, 404),
    ("GET", "/sandboxes/<sandbox>/feed"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/state"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/readings.csv"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/tables/<name>.csv"): (404, 422, 404),
    ("GET", "/sandboxes/<sandbox>/request"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/code"): (404, 200, 404),
    ("POST", "/sandboxes/<sandbox>/complete"): (404, 422, 404),
    ("GET", "/sandboxes/<sandbox>/log/<server>"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/records"): (404, 200, 404),
    ("GET", "/sandboxes/<sandbox>/records/<name>.json"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/records/<name>/share"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/settings"): (404, 303, 404),
    ("POST", "/sandboxes/<sandbox>/actions/<name>"): (404, 303, 404),
    ("POST", "/sandboxes/<sandbox>/servers/<server>"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/links/<link>"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/step"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/load"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/reset"): (404, 303, 404),
    ("POST", "/sandboxes/<sandbox>/keep"): (404, 303, 404),
    ("POST", "/sandboxes/<sandbox>/console/<server>"): (404, 422, 404),
    ("POST", "/sandboxes/<sandbox>/close"): (404, 303, 404),
}


def routes(app: Flask) -> set[tuple[str, str]]:
    """Every method of every rule."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def address(rule: str, sandbox: str) -> str:
    """The rule with something in its places."""

    def place(found: re.Match[str]) -> str:
        name = found[1].split(":")[-1]
        if name == "sandbox":
            return sandbox
        if name == "name":
            return "flush" if "/actions/" in rule else "queries"
        if name == "link" and rule.startswith("/sandboxes"):
            return "app-cache"
        return str(SAMPLE[name])

    return re.sub(r"<([^>]+)>", place, rule)


@pytest.fixture
def sandbox(app: Flask, portal_redis: Any, redis_server: Any, client: Any, learner_of: Any) -> Any:
    """The client's open sandbox of the sample lab, on a host without servers."""
    with faked_labs(redis_server.socket) as labs:
        client.post("/labs/sample-lab/sandbox")
        yield labs.opened(learner_of(client)).id


@pytest.fixture
def another(other: Any) -> Any:
    """A learner without a sandbox."""
    other.post("/lessons/first/progress", data={"section": "the-end"})
    return other


def test_every_route_is_classified(app):
    assert routes(app) == set(TABLE)


@pytest.mark.parametrize(
    ("method", "rule"), sorted(TABLE), ids=lambda part: part.strip("/") or "root"
)
def test_each_actor_gets_what_is_theirs(app, client, another, sandbox, method, rule):
    stranger, owner, other = TABLE[(method, rule)]
    url = address(rule, sandbox)

    for actor, browser, status in (
        ("a stranger", app.test_client(), stranger),
        ("another learner", another, other),
        ("the owner", client, owner),
    ):
        if status is not None:
            with browser.open(url, method=method) as response:
                assert response.status_code == status, actor


WATCHED = {
    "/sandboxes/<sandbox>",
    "/sandboxes/<sandbox>/events",
    "/sandboxes/<sandbox>/feed",
    "/sandboxes/<sandbox>/state",
    "/sandboxes/<sandbox>/readings.csv",
    "/sandboxes/<sandbox>/tables/<name>.csv",
    "/sandboxes/<sandbox>/request",
    "/sandboxes/<sandbox>/code",
    "/sandboxes/<sandbox>/log/<server>",
    "/sandboxes/<sandbox>/records",
    "/sandboxes/<sandbox>/records/<name>.json",
}
"""What needs the permission to watch; every other route of a sandbox needs the one to act."""


def needed(method: str, rule: str) -> access.Permission:
    """The permission that a route of a sandbox needs."""
    return "watch" if method == "GET" and rule in WATCHED else "act"


def declared(app: Flask) -> dict[tuple[str, str], access.Permission | None]:
    """What the views themselves declare."""
    return {
        (method, rule.rule): access.permission_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if "sandbox" in rule.arguments
    }


def test_every_route_of_a_sandbox_declares_what_it_needs(app):
    assert declared(app) == {
        (method, rule): needed(method, rule) for method, rule in TABLE if "<sandbox>" in rule
    }


def test_a_route_of_a_sandbox_that_declares_nothing_is_refused(app):
    app.add_url_rule("/sandboxes/<sandbox>/secret", "secret", lambda sandbox: "told")

    with pytest.raises(access.Undeclared, match="/sandboxes/<sandbox>/secret"):
        access.check(app)


@pytest.mark.parametrize("permission", ["watch", "act"])
@pytest.mark.parametrize(
    ("method", "rule"),
    sorted(route for route in TABLE if "<sandbox>" in route[1]),
    ids=lambda part: part.strip("/"),
)
def test_one_permission_opens_its_own_routes_and_no_others(
    app, another, sandbox, method, rule, permission
):
    access.install(app, lambda learner, sandbox, needed: needed == permission)
    _, owner, _ = TABLE[(method, rule)]

    if permission != needed(method, rule):
        assert another.open(address(rule, sandbox), method=method).status_code == 404
    elif owner is not None:
        assert another.open(address(rule, sandbox), method=method).status_code == owner


ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": None, "Origin": "http://evil.example"},
    {"Sec-Fetch-Site": None},
)


def test_nothing_is_changed_from_another_site(client, sandbox):
    for rule in sorted(rule for method, rule in TABLE if method != "GET"):
        for headers in ELSEWHERE:
            assert client.post(address(rule, sandbox), headers=headers).status_code == 403, (
                rule,
                headers,
            )


@pytest.mark.parametrize("nonsense", ["../../etc/passwd", "a'b\"c<d>", "%00", "x" * 300, "٣"])
def test_nonsense_in_an_address_is_no_fault_of_ours(client, sandbox, nonsense):
    for method, rule in sorted(TABLE):
        if "<" in rule:
            url = re.sub(r"<[^>]+>", lambda _: nonsense, rule)
            with client.open(url, method=method) as response:
                assert response.status_code < 500, url
