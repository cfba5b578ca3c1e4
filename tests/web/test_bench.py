"""The bench without a script: every control is a form, every form leads back, and no learner sees
another's sandbox.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from labs.client import catalogue, find
from labs.events import TableChanged
from tests.waiting import eventually
from tests.web.faked_labs import FakedLabs, FakedSandbox

LAB = "cache-aside"
HTMX = {"HX-Request": "true"}


def test_an_open_bench_shows_servers_controls_code_and_checks(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    before = opened.state.seq
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
    shown = re.search(r'data-seq="(\d+)"', page)
    assert shown and before <= int(shown[1]) <= opened.state.seq


def test_settings_of_a_link_are_checked(client: FlaskClient, labs_host: FakedLabs) -> None:
    for bad in ("ttl_s=0", "ttl_s=x", "nosuch=1", "engine=mongo"):
        response = client.get(f"/labs/{LAB}?{bad}")
        assert response.status_code == 422
        assert "cannot be" in response.text or "has no setting" in response.text


def test_a_closed_bench_names_the_settings_of_a_link_as_its_controls_do(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    page = client.get(f"/labs/{LAB}?ttl_s=9&invalidate=none").text

    assert "settings of this link: “Time to live” at 9 s" in page
    assert "“When a price changes” at “leave the cached page”." in page
    assert "ttl_s," not in page and ": ttl_s" not in page


def test_a_link_with_other_settings_offers_them_and_changes_nothing(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    page = client.get(f"/labs/{LAB}?ttl_s=9").text

    assert "This link has other settings" in page
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


def test_htmx_gets_no_page_but_the_outcome(client: FlaskClient, opened: FakedSandbox) -> None:
    response = client.post(f"/sandboxes/{opened.id}/actions/flush", headers=HTMX)

    assert response.status_code == 204
    assert json.loads(response.headers["Outcome"])["text"] == "The cache is empty."


def test_a_step_that_is_not_there_is_a_conflict(client: FlaskClient, opened: FakedSandbox) -> None:
    response = client.post(f"/sandboxes/{opened.id}/step", data={"verb": "next"}, headers=HTMX)

    assert response.status_code == 409
    assert "No request is being stepped" in json.loads(response.headers["Outcome"])["text"]


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
        assert 'class="key-field"' in page or 'name="item"' in page
        for verb in ("start", "finish"):
            assert (
                client.post(
                    f"/sandboxes/{bench.id}/step", data={"verb": verb, "key": "42"}
                ).status_code
                == 303
            )
        eventually(lambda: bench.state.step.get("running") is False)
    else:
        assert 'class="key-field"' not in page

    started = client.post(f"/sandboxes/{bench.id}/load", data={"verb": "start"})
    if "load" in find(lab).gears:
        assert started.status_code == 303
        eventually(lambda: bench.state.reading.get("done_per_s"))
    else:
        assert started.status_code == 409
        assert "This lab has no load." in started.text


def test_the_feed_and_the_state_are_json(client: FlaskClient, opened: FakedSandbox) -> None:
    last = opened.state.seq

    assert [
        entry["seq"] for entry in client.get(f"/sandboxes/{opened.id}/feed?after={last - 2}").json
    ][:2] == [last - 1, last]
    # Events may come meanwhile: a machine that stood still says so.
    assert last <= client.get(f"/sandboxes/{opened.id}/state").json["seq"] <= opened.state.seq
    line = {"server": "cache", "text": "ge"}
    completed = client.post(f"/sandboxes/{opened.id}/complete", data=line)
    assert completed.json["options"] == ["GET", "GETDEL", "GETEX"]


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
        "complete",
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
        # A source may be linked to; nothing is asked of another site by itself.
        page = re.sub(r'<a href="https://[^"]*" rel="noreferrer">', "<a>", client.get(path).text)
        for banned in (" style=", "<style", "onclick=", "hx-on", "js:", "http://", "https://"):
            assert banned not in page.replace('xmlns="http://www.w3.org/2000/svg"', ""), (
                path,
                banned,
            )


def test_a_sandbox_leads_to_its_lab(client: FlaskClient, opened: FakedSandbox) -> None:
    assert client.get(f"/sandboxes/{opened.id}").location == f"/labs/{LAB}"
