"""The bench without a script: every control is a form, every form leads back, nobody sees another's
sandbox.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from labs.client import catalogue, find
from labs.events import TableChanged
from tests.waiting import eventually
from tests.web.conftest import RedisServer
from tests.web.faked_labs import FakedLabs, FakedSandbox, faked_labs

LAB = "cache-aside"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def labs_host(app: Flask, portal_redis: Redis, redis_server: RedisServer) -> Iterator[FakedLabs]:
    with faked_labs(redis_server.socket) as labs:
        yield labs
    if (hub := app.extensions.get("cacheground.hub")) is not None:
        hub.stop()
        if hub._thread:
            hub._thread.join(5)


@pytest.fixture
def opened(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> FakedSandbox:
    assert client.post(f"/labs/{LAB}/sandbox", data={"set-ttl_s": "30"}).status_code == 303
    return labs_host.opened(learner_of(client))


def test_the_list_names_every_lab(client: FlaskClient, labs_host: FakedLabs) -> None:
    page = client.get("/labs").text

    assert "Cache-aside" in page
    assert f'href="/labs/{LAB}"' in page


def test_a_bench_that_is_not_open_says_what_would_start(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    response = client.get(f"/labs/{LAB}")

    assert response.status_code == 200
    assert "cache, database" in response.text
    assert "Open the bench" in response.text
    assert client.get_cookie("learner") is None


def test_a_bench_that_a_lesson_asks_for_opens_beside_that_lesson(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    lesson = {**HTMX, "HX-Current-URL": "http://localhost/lessons/first?lab=another&gear=load"}

    part = client.get(f"/labs/{LAB}/bench?on=lesson&ttl_s=9", headers=lesson).text

    assert f'name="next" value="/lessons/first?lab={LAB}&amp;ttl_s=9"' in part


def test_looking_opens_nothing(client: FlaskClient, labs_host: FakedLabs) -> None:
    client.get(f"/labs/{LAB}?ttl_s=9")

    assert not labs_host.line.calls


def test_opening_leads_back_to_the_page_that_asked(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    response = client.post(
        f"/labs/{LAB}/sandbox", data={"next": "/lessons/cache-aside-in-code?gear=load"}
    )

    assert response.status_code == 303
    assert response.location == "/lessons/cache-aside-in-code?gear=load"


@pytest.mark.parametrize(
    "bad",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/%5Cevil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/%0d%0aX: y",
    ],
)
def test_opening_never_leads_to_another_site(
    client: FlaskClient, labs_host: FakedLabs, bad: str
) -> None:
    response = client.post(f"/labs/{LAB}/sandbox", data={"next": bad})

    assert response.location == f"/labs/{LAB}"


def test_an_open_bench_shows_servers_controls_code_and_checks(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get(f"/labs/{LAB}").text

    for words in (
        "Redis fake",
        "Postgres fake",
        "Time to live",
        "30 s",
        "labs/caching/cache_aside.py",
        "0 of 5 met",
        "CacheHitRate",
        "not published",
    ):
        assert words in page
    assert f'data-sandbox="{opened.id}"' in page
    assert f'data-seq="{opened.state.seq}"' in page


def test_settings_of_a_link_are_checked(client: FlaskClient, labs_host: FakedLabs) -> None:
    for bad in ("ttl_s=0", "ttl_s=x", "nosuch=1", "engine=mongo"):
        response = client.get(f"/labs/{LAB}?{bad}")
        assert response.status_code == 422
        assert "cannot be" in response.text or "has no setting" in response.text


def test_a_link_with_other_settings_offers_them_and_changes_nothing(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get(f"/labs/{LAB}?ttl_s=9").text

    assert "This link asks for other settings" in page
    assert opened.state.settings["ttl_s"] == 30
    client.post(f"/sandboxes/{opened.id}/settings", data={"set-ttl_s": "9"})
    assert opened.state.settings["ttl_s"] == 9


@pytest.mark.parametrize(
    ("path", "form", "call"),
    [
        ("settings", {"name": "ttl_s", "value": "12"}, ("set", {"name": "ttl_s", "value": 12.0})),
        (
            "settings",
            {"name": "ttl_s", "position": "1000"},
            ("set", {"name": "ttl_s", "value": 300.0}),
        ),
        ("actions/flush", {}, ("action", {"name": "flush", "fields": {}})),
        ("actions/read", {"item": "7"}, ("action", {"name": "read", "fields": {"item": 7.0}})),
        ("servers/cache", {"verb": "kill"}, ("server", {"name": "cache", "verb": "kill"})),
        (
            "links/database",
            {"verb": "slow", "delay_ms": "80"},
            ("link", {"name": "database", "verb": "slow", "delay_ms": 80.0}),
        ),
        ("links/database", {"verb": "cut"}, ("link", {"name": "database", "verb": "cut"})),
        (
            "step",
            {"verb": "start", "function": "read", "key": "42"},
            ("step", {"verb": "start", "function": "read", "key": "42"}),
        ),
        (
            "step",
            {"verb": "start", "function": "write", "key": "42", "price": "19.50"},
            ("step", {"verb": "start", "function": "write", "key": "42", "price": "19.50"}),
        ),
        (
            "step",
            {"verb": "start", "function": "write", "key": "42"},
            ("step", {"verb": "start", "function": "write", "key": "42"}),
        ),
        ("load", {"verb": "start"}, ("load", {"verb": "start"})),
        ("reset", {}, ("reset", {})),
        ("keep", {}, ("keep", {})),
    ],
)
def test_every_form_reaches_the_sandbox_and_leads_back(
    client: FlaskClient,
    opened: FakedSandbox,
    path: str,
    form: dict[str, str],
    call: tuple[str, dict[str, Any]],
) -> None:
    response = client.post(
        f"/sandboxes/{opened.id}/{path}",
        data=form,
        headers={"Referer": f"http://localhost/labs/{LAB}?gear=break"},
    )

    assert response.status_code == 303
    assert response.location == f"/labs/{LAB}?gear=break"
    assert (call[0], opened.id, call[1]) in opened.calls


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("settings", {"name": "ttl_s", "value": "0"}),
        ("settings", {"name": "nosuch", "value": "1"}),
        ("settings", {"name": "ttl_s", "position": "1e9"}),
        ("servers/nosuch", {"verb": "kill"}),
        ("servers/cache", {"verb": "explode"}),
        ("links/nosuch", {"verb": "cut"}),
        ("links/cache", {"verb": "slow", "delay_ms": "-1"}),
        ("step", {"verb": "start", "function": "rm"}),
        ("actions/nosuch", {}),
        ("actions/read", {"item": "0"}),
        ("load", {}),
        ("console/nosuch", {"command": "PING"}),
        ("console/cache", {"command": " "}),
    ],
)
def test_a_wrong_form_is_refused_before_anything_is_done(
    client: FlaskClient, opened: FakedSandbox, path: str, form: dict[str, str]
) -> None:
    before = len(opened.calls)

    response = client.post(f"/sandboxes/{opened.id}/{path}", data=form)

    assert response.status_code == 422
    # A name that the lab does not have may be a server that was added: the state is looked at.
    assert [call[0] for call in opened.calls[before:]] in ([], ["state"])


def test_htmx_gets_no_page_but_a_toast(client: FlaskClient, opened: FakedSandbox) -> None:
    response = client.post(f"/sandboxes/{opened.id}/actions/flush", headers=HTMX)

    assert response.status_code == 204
    assert json.loads(response.headers["HX-Trigger"]) == {"toast": {"text": "The cache is empty."}}


def test_a_step_that_is_not_there_is_a_conflict(client: FlaskClient, opened: FakedSandbox) -> None:
    response = client.post(f"/sandboxes/{opened.id}/step", data={"verb": "next"}, headers=HTMX)

    assert response.status_code == 409
    assert "No request is being stepped" in response.text
    assert response.headers["HX-Retarget"] == "[data-toasts]"


def test_a_stepped_request_lights_its_line_and_shows_what_it_sent(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    client.post(f"/sandboxes/{opened.id}/step", data={"verb": "start"})
    assert 'class="ln lit"' in client.get(f"/sandboxes/{opened.id}/code").text

    client.post(f"/sandboxes/{opened.id}/step", data={"verb": "finish"})
    eventually(lambda: any(check["status"] == "met" for check in opened.state.checks.values()))
    sent = client.get(f"/sandboxes/{opened.id}/request").text

    assert "GET page:42" in sent
    assert "4.87 ms" in sent
    assert "This request, to scale" in sent
    assert "1 of 5 met" in client.get(f"/labs/{LAB}").text


def test_the_console_answers_a_fragment_or_a_page(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    fragment = client.post(
        f"/sandboxes/{opened.id}/console/cache", data={"command": "GET <b>x</b>"}, headers=HTMX
    ).text
    page = client.post(f"/sandboxes/{opened.id}/console/cache", data={"command": "PING"}).text

    assert fragment.startswith('<div class="turn">')
    assert "GET &lt;b&gt;x&lt;/b&gt;" in fragment
    assert "<!doctype html>" in page
    assert "It was told: PING" in page


def test_a_servers_log_is_text(client: FlaskClient, opened: FakedSandbox) -> None:
    page = client.get(f"/sandboxes/{opened.id}/log/cache").text

    assert "&lt;fake&gt; server started" in page


def test_readings_are_exported(client: FlaskClient, opened: FakedSandbox) -> None:
    client.post(f"/sandboxes/{opened.id}/load", data={"verb": "start"})
    eventually(lambda: opened.state.reading.get("hit_rate_percent"))

    response = client.get(f"/sandboxes/{opened.id}/readings.csv")

    lines = response.text.splitlines()
    assert response.mimetype == "text/csv"
    assert lines[0].startswith("at,hit_rate_percent (%),")
    assert len(lines) > 1


def test_a_table_is_exported_with_its_heads(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> None:
    client.post("/labs/strategies/sandbox")
    bench = labs_host.opened(learner_of(client))
    table = find("strategies").tables[0]
    first, second = table.columns[:2]
    bench.tell(TableChanged(table=table.name, rows=[{first.name: "lazy, loading", second.name: 7}]))

    response = client.get(f"/sandboxes/{bench.id}/tables/{table.name}.csv")

    heads, row = csv.reader(response.text.splitlines())
    assert response.mimetype == "text/csv"
    assert f'filename="strategies-{table.name}.csv"' in response.headers["Content-Disposition"]
    assert heads[0].startswith(first.label)
    assert len(heads) == len(row) == len(table.columns)
    assert row[:3] == ["lazy, loading", "7", ""]


@pytest.mark.parametrize("lab", catalogue())
def test_the_bench_of_every_lab_opens_and_carries_a_load(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str], lab: str
) -> None:
    client.post(f"/labs/{lab}/sandbox")
    bench = labs_host.opened(learner_of(client))
    page = client.get(f"/labs/{lab}").text
    assert f'data-sandbox="{bench.id}"' in page
    if find(lab).strategies and find(lab).item:
        assert 'name="key"' in page or 'name="item"' in page
        for verb in ("start", "finish"):
            assert (
                client.post(
                    f"/sandboxes/{bench.id}/step", data={"verb": verb, "key": "42"}
                ).status_code
                == 303
            )
        eventually(lambda: bench.state.step.get("running") is False)
    else:
        assert 'name="key"' not in page

    assert client.post(f"/sandboxes/{bench.id}/load", data={"verb": "start"}).status_code == 303
    eventually(lambda: bench.state.reading.get("done_per_s"))


def test_the_feed_and_the_state_are_json(client: FlaskClient, opened: FakedSandbox) -> None:
    last = opened.state.seq

    assert [
        entry["seq"] for entry in client.get(f"/sandboxes/{opened.id}/feed?after={last - 2}").json
    ] == [last - 1, last]
    assert client.get(f"/sandboxes/{opened.id}/state").json["seq"] == last
    assert client.get(f"/sandboxes/{opened.id}/complete?server=cache&text=ge").json["options"] == [
        "GET",
        "GETDEL",
        "GETEX",
    ]


def test_events_stream_over_http(client: FlaskClient, opened: FakedSandbox) -> None:
    response = client.get(f"/sandboxes/{opened.id}/events", headers={"Last-Event-ID": "2"})
    parts = response.iter_encoded()

    assert response.mimetype == "text/event-stream"
    assert b"event: hello" in next(parts)
    assert next(parts).startswith(b"id: 3\n")
    response.close()


def test_nobody_sees_or_touches_anothers_sandbox(
    client: FlaskClient, other: FlaskClient, opened: FakedSandbox, labs_host: FakedLabs
) -> None:
    assert other.post("/labs/database-relief/sandbox").status_code == 303
    before = [call for call in labs_host.line.calls if call[1] == opened.id]
    looks = [
        "",
        "/events",
        "/feed",
        "/state",
        "/readings.csv",
        "/tables/any.csv",
        "/request",
        "/code",
        "/complete?server=cache&text=G",
        "/log/cache",
    ]
    deeds = [
        "settings",
        "actions/flush",
        "servers/cache",
        "links/cache",
        "step",
        "load",
        "console/cache",
        "reset",
        "close",
        "keep",
    ]

    for stranger in (other, client.application.test_client()):
        for path in looks:
            assert stranger.get(f"/sandboxes/{opened.id}{path}").status_code == 404, path
        for path in deeds:
            assert (
                stranger.post(
                    f"/sandboxes/{opened.id}/{path}", data={"verb": "kill", "command": "PING"}
                ).status_code
                == 404
            ), path
    assert [call for call in labs_host.line.calls if call[1] == opened.id] == before
    for path in looks:
        assert client.get(f"/sandboxes/feedfeed{path}").status_code == 404


def test_another_lab_takes_the_place_only_when_asked(
    client: FlaskClient,
    opened: FakedSandbox,
    labs_host: FakedLabs,
    learner_of: Callable[[FlaskClient], str],
) -> None:
    taken = client.post("/labs/database-relief/sandbox")

    assert taken.status_code == 409
    assert "Your bench for Cache-aside is open" in taken.text
    assert "Your checks and answers stay." in taken.text
    assert opened.info.status == "open"
    assert "Opening this one closes it." in client.get("/labs/database-relief").text

    assert client.post("/labs/database-relief/sandbox", data={"close": "yes"}).status_code == 303
    assert opened.info.status == "closed"
    assert labs_host.of(learner_of(client)).info.lab == "database-relief"


def test_opening_again_keeps_the_sandbox_and_takes_the_settings(
    client: FlaskClient, opened: FakedSandbox, labs_host: FakedLabs
) -> None:
    response = client.post(
        f"/labs/{LAB}/sandbox", data={"ttl_s": "45", "from": "a-lesson"}, headers=HTMX
    )

    assert response.status_code == 200
    assert f'data-sandbox="{opened.id}"' in response.text
    assert opened.state.settings["ttl_s"] == 45
    eventually(lambda: [host.open for host in labs_host.client.hosts()] == [1])


def test_a_queue_tells_the_position(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> None:
    labs_host.queue("first", "second")
    client.post(f"/labs/{LAB}/sandbox")

    part = client.get(f"/labs/{LAB}/bench").text
    assert "You are number <strong>3</strong> in the queue" in part
    assert 'hx-trigger="load delay:300ms"' in part

    labs_host.queue(*(f"learner {number}" for number in range(60)))
    last = client.application.test_client()
    last.post(f"/labs/{LAB}/sandbox")
    part = last.get(f"/labs/{LAB}/bench").text
    assert "You are number <strong>64</strong> in the queue" in part
    assert 'hx-trigger="load delay:3000ms"' in part
    assert "waiting for its turn" in last.get("/labs").text

    labs_host.let_in()
    labs_host.opened(learner_of(client))
    assert 'data-phase="open"' in client.get(f"/labs/{LAB}/bench").text


def test_a_lost_sandbox_is_told_and_opens_again_with_its_settings(
    client: FlaskClient, opened: FakedSandbox, labs_host: FakedLabs
) -> None:
    labs_host.vanish()

    part = client.get(f"/labs/{LAB}/bench?was={opened.id}&ttl_s=30").text

    assert "The machine lost your bench." in part
    assert "Open it again" in part
    assert '<input type="hidden" name="set-ttl_s" value="30">' in part


def test_a_closed_sandbox_says_why(client: FlaskClient, opened: FakedSandbox) -> None:
    client.post(f"/sandboxes/{opened.id}/close")

    assert "You closed your bench." in client.get(f"/labs/{LAB}/bench?was={opened.id}").text


def test_without_a_labs_host_the_page_stands_and_says_so(client: FlaskClient) -> None:
    assert client.get(f"/labs/{LAB}").status_code == 200
    response = client.post(f"/labs/{LAB}/sandbox")

    assert response.status_code == 503
    assert "No labs host is running" in response.text


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
        "It did not hold.",
        "The first read is a miss and asks once.",
    ):
        assert words in card.text
    assert sql("SELECT held FROM prediction") == [(False,)]


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
    assert "Open the bench, then run it." in card
    assert "Your prediction is kept." in card

    client.post(f"/labs/{LAB}/sandbox")
    labs_host.opened(learner_of(client))
    card = client.post(
        f"/labs/{LAB}/predictions/ten-reads", data={"measure": "yes"}, headers=HTMX
    ).text

    assert "It held." in card
    assert sql("SELECT count(*) FROM prediction") == [(1,)]


@pytest.mark.parametrize(
    "form", [{"value": "many", "confidence": "fairly"}, {"value": "1", "confidence": "very"}, {}]
)
def test_a_prediction_that_is_none_is_refused(
    client: FlaskClient,
    opened: FakedSandbox,
    form: dict[str, str],
    sql: Callable[..., list[tuple[Any, ...]]],
) -> None:
    assert client.post(f"/labs/{LAB}/predictions/ten-reads", data=form).status_code == 422
    assert sql("SELECT count(*) FROM prediction") == [(0,)]


def test_a_lessons_snippet_runs_in_the_open_sandbox_or_asks_for_one(
    client: FlaskClient, other: FlaskClient, opened: FakedSandbox
) -> None:
    there = client.post(f"/labs/{LAB}/console/cache", data={"command": "PING"}, headers=HTMX)
    none = other.post(f"/labs/{LAB}/console/cache", data={"command": "PING"}, headers=HTMX)

    assert "It was told: PING" in there.text
    assert none.status_code == 409
    assert "Open the bench first" in none.text


def test_no_page_of_the_bench_breaks_the_policy(client: FlaskClient, opened: FakedSandbox) -> None:
    for path in (
        "/labs",
        f"/labs/{LAB}",
        f"/labs/{LAB}?view=projector",
        "/labs/database-relief",
        "/patterns",
        f"/sandboxes/{opened.id}/log/cache",
    ):
        page = client.get(path).text
        for banned in (" style=", "<style", "onclick=", "hx-on", "js:", "http://", "https://"):
            assert banned not in page.replace('xmlns="http://www.w3.org/2000/svg"', ""), (
                path,
                banned,
            )


def test_a_sandbox_leads_to_its_lab(client: FlaskClient, opened: FakedSandbox) -> None:
    assert client.get(f"/sandboxes/{opened.id}").location == f"/labs/{LAB}"
