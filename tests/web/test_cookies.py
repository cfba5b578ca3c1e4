"""A visitor becomes a learner only with a cookie that came back: one who refuses cookies hears why
and costs nothing; one who takes them notices nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.records import make_link, owner_of
from tests.web.conftest import Browser
from tests.web.faked_labs import FakedLabs
from tests.web.test_routes import TABLE, address

Ask = Callable[..., list[tuple[Any, ...]]]
PREDICTION = "/labs/cache-aside/predictions/ten-reads"
FIRST_ACTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "a bench": ("/labs/cache-aside/sandbox", {}),
    "a bench with settings": ("/labs/cache-aside/sandbox?a=1&a=%26", {"set-ttl_s": "9"}),
    "a section": ("/lessons/first/progress", {"section": "the-beginning"}),
    "a lesson read": ("/lessons/first/read", {}),
    "an answer": ("/lessons/first/quiz/a-number", {"value": "12.5"}),
    "a prediction": (PREDICTION, {"value": "10", "confidence": "certain"}),
    "a recovery link": ("/me/recovery", {}),
}
each_first_action = pytest.mark.parametrize(
    ("path", "form"), FIRST_ACTIONS.values(), ids=list(FIRST_ACTIONS)
)


@pytest.fixture
def refusing(app: Flask) -> Browser:
    """A browser that takes no cookies."""
    return Browser(app, use_cookies=False)


@each_first_action
def test_one_who_refuses_cookies_reads_why_and_costs_nothing(
    refusing: Browser, labs_host: FakedLabs, sql: Ask, path: str, form: dict[str, str]
) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        response = refusing.post(path, data=form, headers=headers)

        assert response.status_code == 403
        assert "Allow cookies for this site" in response.text
    assert sql("SELECT count(*) FROM learner") == [(0,)]
    assert not labs_host.line.calls


@pytest.mark.parametrize("rule", sorted(rule for method, rule in TABLE if method == "POST"))
def test_no_route_makes_a_learner_of_one_who_refuses_cookies(
    refusing: Browser, labs_host: FakedLabs, sql: Ask, rule: str
) -> None:
    response = refusing.post(address(rule, "0" * 32))

    assert response.status_code >= 400
    assert sql("SELECT count(*) FROM learner") == [(0,)]
    assert not labs_host.line.calls


@each_first_action
def test_a_first_action_needs_no_second_click(
    client: FlaskClient,
    labs_host: FakedLabs,
    sql: Ask,
    learner_of: Callable[[FlaskClient], str],
    path: str,
    form: dict[str, str],
) -> None:
    response = client.post(path, data=form)

    assert response.status_code in (200, 204, 303)
    assert sql("SELECT count(*) FROM learner") == [(1,)]
    before = learner_of(client)
    client.post(path, data=form)
    assert sql("SELECT count(*) FROM learner") == [(1,)]
    assert learner_of(client) == before


def test_the_way_around_keeps_what_was_asked(app: Flask) -> None:
    browser = FlaskClient(app)
    headers = {"Sec-Fetch-Site": "same-origin"}

    response = browser.post("/labs/cache-aside/sandbox?a=1&a=%26&b=%C3%A9", headers=headers)

    assert response.status_code == 307
    assert response.location == "/labs/cache-aside/sandbox?a=1&a=%26&b=%C3%A9&with-cookie=yes"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_bad_first_action_is_refused_before_any_cookie(client: FlaskClient, sql: Ask) -> None:
    assert client.post("/lessons/first/progress", data={"section": "none"}).status_code == 422
    assert client.post("/labs/cache-aside/sandbox", data={"set-ttl_s": "x"}).status_code == 422
    assert client.get_cookie("learner") is None


def test_two_first_actions_with_one_offered_cookie_make_one_learner(app: Flask, sql: Ask) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    first = FlaskClient(app)
    first.post("/lessons/first/read", headers=headers)
    offered = first.get_cookie("learner")
    assert offered
    ready = threading.Barrier(6)
    statuses = []

    def act(number: int) -> None:
        browser = app.test_client()
        browser.set_cookie("learner", offered.value)
        ready.wait()
        path, form = list(FIRST_ACTIONS.values())[2 + number % 3]
        statuses.append(browser.post(path, data=form).status_code)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) <= {200, 204, 303}
    assert sql("SELECT count(*) FROM learner") == [(1,)]


def test_a_deleted_learner_is_not_made_again(
    client: FlaskClient, other: FlaskClient, sql: Ask, learner_of: Callable[[FlaskClient], str]
) -> None:
    client.post("/lessons/first/read")
    cookie = client.get_cookie("learner")
    assert cookie
    other.set_cookie("learner", cookie.value)
    was = learner_of(client)
    client.post("/me/delete", data={"sure": "yes"})

    other.post("/lessons/first/read")

    assert sql("SELECT count(*) FROM learner WHERE id = %s", was) == [(0,)]
    assert sql("SELECT count(*) FROM learner") == [(1,)]


def test_a_deleted_learner_whose_browser_keeps_the_old_cookie_is_not_sent_round_for_ever(
    client: FlaskClient, refusing: Browser
) -> None:
    client.post("/lessons/first/read")
    cookie = client.get_cookie("learner")
    assert cookie
    client.post("/me/delete", data={"sure": "yes"})

    response = refusing.post("/lessons/first/read", headers={"Cookie": f"learner={cookie.value}"})

    assert response.status_code == 403


def test_a_recovery_link_is_not_used_up_by_one_who_refuses_cookies(
    app: Flask, client: FlaskClient, refusing: Browser, learner_of: Callable[[FlaskClient], str]
) -> None:
    client.post("/lessons/first/read")
    with Session(app.extensions["cacheground"].engine) as session:
        token = make_link(session, learner_of(client), key="a", secret="a secret")
        session.commit()

    assert refusing.post(f"/recover/{token}").status_code == 403

    with Session(app.extensions["cacheground"].engine) as session:
        assert owner_of(session, token) == learner_of(client)
    fresh = app.test_client()
    assert fresh.post(f"/recover/{token}").status_code == 303
    assert learner_of(fresh) == learner_of(client)


def test_a_made_up_cookie_is_none(client: FlaskClient, sql: Ask) -> None:
    client.set_cookie("learner", f"new-{'0' * 32}.made-up")

    assert client.post("/lessons/first/read").status_code == 303
    assert sql("SELECT count(*) FROM learner WHERE id = %s", "0" * 32) == [(0,)]
