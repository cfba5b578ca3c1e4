"""The site against requests that no page of its own would send.

Who may do what with whose sandbox is in tests/web/test_routes.py, for every route.
"""

import itertools
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import select

from labs.client import find
from labs.events import (
    CaptionChanged,
    CheckChanged,
    CommandRan,
    Ending,
    Entry,
    Measured,
    NoteAdded,
    RecordSaved,
    SandboxOpened,
    ServerChanged,
    StepStarted,
)
from labs.state import TIMELINE_LENGTH, SandboxState
from portal.models import Outcome
from portal.recorder import Recorder

ROOT = Path(__file__).resolve().parents[2]
MARKUP = (
    '"\'><xss-mark hx-get="/pwn" hx-trigger="load" '
    "onload=alert(1)></xss-mark><script>alert(1)</script>{{7*7}}"
)


DATA = "application/json"
"""A script of this type is data: no browser runs it, and its text is escaped (`tojson`)."""


class Found(HTMLParser):
    """Elements and attributes that came out of a text."""

    def __init__(self, page):
        super().__init__()
        self.bad = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        values = [
            value or ""
            for name, value in attrs
            if name in ("href", "src", "action", "hx-get", "hx-post")
        ]
        if (
            tag == "xss-mark"
            or (tag == "script" and "src" not in names and ("type", DATA) not in attrs)
            or names & {"onload", "onerror", "onclick"}
            or any("javascript:" in value for value in values)
        ):
            self.bad.append((tag, attrs))


def is_clean(page):
    return not Found(page).bad and "49'" not in page


def posts(app, sandbox):
    """The address of every route that changes something."""
    places = {
        "slug": "why-a-cache",
        "question_id": find_question(app),
        "lab_id": "cache-aside",
        "name": "x",
        "server": "cache",
        "link": "1",
        "token": "x",
        "sandbox": sandbox,
        "address": "x" * 22,
    }
    for rule in app.url_map.iter_rules():
        if "POST" in rule.methods:
            yield re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda found: places[found[1]], rule.rule)


def find_question(app):
    return app.extensions["cacheground"].course.lesson("why-a-cache").questions[0].id


FIELDS = (
    "section",
    "choice",
    "value",
    "confidence",
    "key",
    "form-key",
    "prompt",
    "measure",
    "from",
    "next",
    "close",
    "name",
    "position",
    "verb",
    "delay_ms",
    "function",
    "command",
    "item",
    "price",
    "sure",
    "set-ttl_s",
    "set-nothing",
    "gear",
    "ttl_s",
)
HOSTILE = (
    "",
    "\0",
    "٣",
    "-1",
    "1e999",
    "nan",
    "9" * 400,
    "x" * 20_000,
    "../../etc/passwd",
    "{{7*7}}",
    "%s%n",
    "\ud7ff",
    "a\r\nSet-Cookie: x=1",
    MARKUP,
)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_is_sent_is_a_fault_of_ours(app, client, sandbox, value):
    for url in posts(app, sandbox):
        for headers in (
            {},
            {
                "HX-Request": "true",
                "HX-Current-URL": f"http://localhost/{value[:99]}".replace("\r\n", "").replace(
                    "\0", ""
                ),
            },
        ):
            answer = client.post(url, data=dict.fromkeys(FIELDS, value), headers=headers)

            assert answer.status_code < 500 or answer.status_code in (503, 504), (
                url,
                answer.text[:2_000],
            )
            assert is_clean(answer.text), url
            assert "x" not in [
                cookie.split("=")[0] for cookie in answer.headers.getlist("Set-Cookie")
            ], url


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_in_an_address_comes_out_as_markup(client, sandbox, value):
    for path in (
        "/labs/cache-aside",
        "/labs/cache-aside/bench",
        "/lessons/why-a-cache",
        "/lessons/why-a-cache/quiz",
        "/labs/cache-aside/predictions/x",
        "/flights",
    ):
        answer = client.get(
            path,
            query_string={
                **dict.fromkeys(
                    ("ttl_s", "engine", "gear", "view", "again", "on", "a", "b"), value
                ),
                value: value,
            },
        )

        assert answer.status_code < 500, path
        assert is_clean(answer.text), path


def test_nothing_that_a_sandbox_says_comes_out_as_markup(client, labs, sandbox):
    """Every text of a state that its own servers and its learner can choose."""
    state = labs.admission.find(sandbox).state
    lab = find("cache-aside")
    told = [
        SandboxOpened(
            lab=MARKUP, isolation=MARKUP, settings=dict(state.settings), versions={"redis": MARKUP}
        ),
        *(
            ServerChanged(server=name, state="down", why=MARKUP, version=MARKUP)
            for name in ("cache", "database")
        ),
        NoteAdded(text=MARKUP),
        CaptionChanged(text=MARKUP, strong=MARKUP[:9]),
        Ending(reason=MARKUP, in_s=60.0),
        StepStarted(request=1, strategy="cache-aside", function="read", call=MARKUP),
        CommandRan(
            request=1, server="cache", command=MARKUP, reply=MARKUP, took_ms=1.0, meaning="hit"
        ),
        *(
            CheckChanged(
                check=check.name,
                claim=MARKUP,
                status="unmet",
                message=MARKUP,
                hint=MARKUP,
                evidence={MARKUP: MARKUP},
                now=MARKUP,
                met_at=1e300,
            )
            for check in lab.checks
        ),
        *(
            RecordSaved(record=MARKUP, title=MARKUP, results={"downtime_ms": down, "lost": lost})
            for down, lost in ((MARKUP, MARKUP), (1e300, -1e300), (True, 7))
        ),
        *(
            Measured(prediction=prediction.name, value=MARKUP, shown=MARKUP)
            for prediction in lab.predictions
        ),
    ]
    for event in told:
        labs.on_event(labs.admission.find(sandbox), Entry(state.seq + 1, 1.0, event))

    for path in (
        "/labs/cache-aside",
        "/labs/cache-aside/bench",
        f"/sandboxes/{sandbox}/request",
        f"/sandboxes/{sandbox}/code",
        f"/sandboxes/{sandbox}/records",
        "/lessons/why-a-cache",
        "/lessons/cache-aside-in-code",
        "/labs",
        "/",
    ):
        answer = client.get(path)

        assert answer.status_code == 200, path
        assert is_clean(answer.text), path
    assert "xss-mark" in client.get("/labs/cache-aside").text


@pytest.mark.parametrize("call", ["console", "log"])
def test_nothing_that_a_server_answers_comes_out_as_markup(
    client, labs, sandbox, call, monkeypatch
):
    answer = {"output": MARKUP, "failed": False, "took_ms": 1.0, "cut": False, "lines": [MARKUP]}
    monkeypatch.setattr(labs.supervisor, "call", lambda *_, **__: answer)

    for headers in ({}, {"HX-Request": "true"}):
        if call == "console":
            pages = [
                client.post(
                    f"/sandboxes/{sandbox}/console/cache", data={"command": MARKUP}, headers=headers
                ),
                client.post(
                    "/labs/cache-aside/console/cache", data={"command": MARKUP}, headers=headers
                ),
            ]
        else:
            pages = [client.get(f"/sandboxes/{sandbox}/log/cache", headers=headers)]
        for page in pages:
            assert page.status_code == 200
            assert "xss-mark" in page.text
            assert is_clean(page.text)


def test_no_script_of_ours_makes_markup_of_text():
    for path in (ROOT / "static/js").glob("*.js"):
        text = path.read_text()

        assert not re.findall(
            r"innerHTML\s*\+?=|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new "
            r"Function|DOMParser|createContextualFragment",
            text,
        ), path.name


def test_templates_make_no_markup_of_text_and_have_no_inline_code():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()

        assert not re.findall(
            r"\|\s*safe\b|autoescape false|hx-on|\son[a-z]+=|javascript:|hx-vals=.js:|\sstyle=",
            text,
        ), path.name


NO_MEASUREMENTS = (
    [],
    {},
    {"a": 1},
    [1],
    10**400,
    -(10**400),
    float("inf"),
    float("nan"),
    True,
    "x" * 200,
    "\0",
    "\ud800",
    None,
)


def test_an_outcome_that_is_none_does_not_keep_the_others_from_being_recorded(app, client):
    """A sandbox chose its data.

    Were the recorder to fail at it, it would fail at it for ever, and the site would stop.
    """
    client.post("/lessons/why-a-cache/read")
    owner = client.get_cookie("learner").value.split(".")[0]
    services = app.extensions["cacheground"]
    lab = find("cache-aside")
    for prediction in lab.predictions:
        client.post(
            f"/labs/cache-aside/predictions/{prediction.name}",
            data={
                "value": prediction.options[0] if prediction.options else "1",
                "confidence": "certain",
            },
        )
    named = [prediction.name for prediction in lab.predictions] + ["no such prediction", MARKUP]
    told = [
        {"kind": "prediction", "name": name, "data": {"value": value}}
        for name in named
        for value in NO_MEASUREMENTS
    ]
    told += [
        {"kind": "check", "name": "x", "data": []},
        {"kind": "check", "name": "x" * 99, "data": {}},
        {"kind": "check", "name": lab.checks[-1].name, "data": {}},
    ]
    services.client.redis.delete("labs:outcomes")
    for number, outcome in enumerate(told):
        whole = {
            "id": f"{owner}-{number}",
            "host": "here",
            "owner": owner,
            "lab": "cache-aside",
            "status": "met",
            "at": time.time() + 1,
        } | outcome
        services.client.redis.xadd("labs:outcomes", {"o": json.dumps(whole)})
    recorder = Recorder(services.sessions, services.client.redis, services.cache)

    while recorder.record(block_ms=10):
        pass

    with services.sessions() as session:
        names = session.scalars(select(Outcome.name).where(Outcome.learner_id == owner)).all()
    assert lab.checks[-1].name in names
    assert "x" not in names
    services.client.redis.delete("labs:outcomes", "labs:acks:here")


def test_a_state_stays_small_whatever_it_is_told():
    state = SandboxState()

    for seq in itertools.islice(itertools.count(1), 5_000):
        state.apply(Entry(seq, 1.0, NoteAdded(text="x" * 1_000)))

    assert len(state.timeline) == TIMELINE_LENGTH
