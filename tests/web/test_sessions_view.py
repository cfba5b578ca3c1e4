"""The view of the lab sessions: its script gets what browsers show as data, and nothing that a shop
said becomes markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labs.events import TableChanged
from tests.web.conftest import RedisServer
from tests.web.faked_labs import FakedSandbox, faked_labs


@pytest.fixture
def opened(
    app: Flask,
    client: FlaskClient,
    redis_server: RedisServer,
    learner_of: Callable[[FlaskClient], str],
) -> Iterator[FakedSandbox]:
    with faked_labs(redis_server.socket) as labs:
        assert client.post("/labs/sessions/sandbox").status_code == 303
        yield labs.opened(learner_of(client))


def test_what_a_shop_said_never_becomes_markup(client: FlaskClient, opened: FakedSandbox) -> None:
    evil = "<img src=x onerror=alert(1)>"
    opened.tell(
        TableChanged(
            table="browsers",
            rows=[
                {
                    "browser": "first",
                    "number": 3,
                    "request": f"GET /{evil}",
                    "status": 200,
                    "instance": "B",
                    "user": evil,
                    "login_by": "A",
                    "message": evil,
                    "cart": evil,
                    "cookie_sent": evil,
                    "set_cookie": evil,
                    "headers": evil,
                    "body": evil,
                    "took_ms": 2.5,
                    "held": False,
                    "meaning": "hit",
                }
            ],
        )
    )
    opened.tell(
        TableChanged(
            table="sessions",
            rows=[
                {
                    "browser": "first",
                    "user": "Mia",
                    "key": evil,
                    "value": evil,
                    "ttl_s": 41.0,
                    "where": "Redis",
                    "a": "logged in",
                    "b": evil,
                }
            ],
        )
    )

    page = client.get("/labs/sessions").text

    assert evil not in page
    assert page.count("\\u003cimg src=x") >= 10


def test_every_control_of_a_window_is_a_form(client: FlaskClient, opened: FakedSandbox) -> None:
    page = client.get("/labs/sessions").text

    for name in ("log-in", "page", "cart", "reload", "log-out"):
        assert page.count(f'action="/sandboxes/{opened.id}/actions/{name}"') == 2
    client.post(f"/sandboxes/{opened.id}/actions/cart", data={"browser": "second", "item": "lamp"})
    assert (
        "action",
        opened.id,
        {"name": "cart", "fields": {"browser": "second", "item": "lamp"}},
    ) in opened.calls
    assert (
        client.post(f"/sandboxes/{opened.id}/actions/cart", data={"browser": "third"}).status_code
        == 422
    )
    assert (
        client.post(f"/sandboxes/{opened.id}/servers/instance-a", data={"verb": "kill"}).status_code
        == 303
    )


def test_programs_of_a_site_have_no_console_on_the_page(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get("/labs/sessions").text

    assert 'data-server="redis" data-complete' in page
    assert 'class="console-of" data-server="instance-a"' not in page


def test_a_step_is_called_by_what_it_does_here(client: FlaskClient, opened: FakedSandbox) -> None:
    page = client.get("/labs/sessions").text

    assert '<input type="radio" name="function" value="write">Log in' in page
    assert "The handler of a login" in page
    assert 'class="key-field"' not in page
    client.post(f"/sandboxes/{opened.id}/step", data={"verb": "start", "function": "write"})
    assert [(call, args["function"]) for call, _, args in opened.calls if call == "step"] == [
        ("step", "write")
    ]
