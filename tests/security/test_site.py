"""The site against whoever sends it what no page of its own would.

Who may do what with whose sandbox is in tests/web/test_routes.py, for every route.
"""

import itertools
import json
import logging
import re
import socket
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from labs.client import LabsClient, find
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
from labs.host.host import LabsHost
from labs.host.record import Limits
from labs.state import TIMELINE_LENGTH, SandboxState
from portal.accounts.routes import LARGEST_ID
from portal.bench.places import way_back
from portal.models import Outcome
from portal.recorder import Recorder
from portal.serve.places import places_of
from portal.serve.supervisor import Site
from portal.web import learner as learners
from portal.web.rates import NAMES, Rate
from tests.waiting import eventually

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


@pytest.fixture(scope="module")
def labs(app, embedded_redis, tmp_path_factory):
    """A labs host whose sandboxes hold states without servers."""
    redis = Redis.from_url(embedded_redis.url, decode_responses=True, protocol=2, socket_timeout=5)
    redis.flushall()
    host = LabsHost(
        redis, tmp_path_factory.mktemp("host"), isolation="fake", pool=0, limits=Limits(room=100)
    )
    thread = threading.Thread(target=host.serve)
    thread.start()
    labs_client = LabsClient(redis)
    eventually(labs_client.hosts)
    yield host
    host.stop()
    thread.join(timeout=10)
    redis.close()


@pytest.fixture
def sandbox(labs, client):
    """The id of the client's own open sandbox."""
    assert client.post("/labs/cache-aside/sandbox").status_code == 303
    owner = client.get_cookie("learner").value.split(".")[0]
    hosted = eventually(
        lambda: next(
            (
                hosted
                for hosted in labs.admission.all()
                if hosted.owner == owner and hosted.status == "open"
            ),
            None,
        )
    )
    eventually(
        lambda: (
            "sandbox-opened"
            in [entry.event.type for entry in LabsClient(labs._redis).events(hosted.id)]
        )
    )
    return hosted.id


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


ELSEWHERE = (
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/%2fevil.example",
    "/%09/evil.example",
    "/%5cevil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\x00/evil.example",
    "\t//evil.example",
    "/ /evil.example",
    "",
)


def test_no_way_back_leads_elsewhere(client, sandbox):
    for asked in ELSEWHERE:
        assert way_back(asked, "/here") == "/here"

        answer = client.post(
            "/labs/cache-aside/sandbox",
            data={"next": asked},
            headers={"Referer": "http://evil.example/labs"},
        )

        assert answer.headers["Location"] == "/labs/cache-aside", asked


def test_a_page_of_this_site_is_gone_back_to():
    assert (
        way_back("/lessons/why-a-cache?ttl_s=5#q-1", "/here") == "/lessons/why-a-cache?ttl_s=5#q-1"
    )


def test_the_cookies_are_out_of_reach_of_scripts_and_of_other_sites(client):
    for base, secure in (("http://localhost", False), ("https://localhost", True)):
        cookie = client.post("/lessons/why-a-cache/read", base_url=base).headers["Set-Cookie"]

        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ("Secure" in cookie) == secure
    flashed = [
        cookie
        for cookie in client.post("/me/delete", data={"sure": "yes"}).headers.getlist("Set-Cookie")
        if cookie.startswith("session=")
    ]
    assert flashed
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in flashed)


@pytest.mark.parametrize("cookie", ["0" * 32, "0" * 32 + ".x", "' OR 1=1 --", "x" * 4_000, ""])
def test_nobody_becomes_somebody_by_a_cookie_of_their_own_making(client, cookie):
    client.set_cookie("learner", cookie)

    assert client.post("/me/recovery/1/revoke").status_code == 404
    assert client.post("/me/delete", data={"sure": "yes"}).status_code == 404


@pytest.mark.parametrize("number", [0, LARGEST_ID, LARGEST_ID + 1, 10**30])
def test_a_number_that_no_row_has_is_not_found(client, number):
    client.post("/me/recovery")

    assert client.post(f"/me/recovery/{number}/revoke").status_code == 404


def test_too_large_a_request_is_refused(client):
    assert (
        client.post("/lessons/why-a-cache/progress", data={"section": "x" * 300_000}).status_code
        == 413
    )


def test_one_address_makes_no_learners_without_end(app, monkeypatch):
    monkeypatch.setitem(app.extensions, learners.KEY, Rate(per_s=0.0, burst=3.0))
    statuses = []
    for _ in range(5):
        browser = app.test_client()
        statuses.append(
            browser.post(
                "/lessons/why-a-cache/read", headers={"Sec-Fetch-Site": "same-origin"}
            ).status_code
        )

    assert statuses == [303, 303, 303, 429, 429]


def test_a_rate_fills_up_again_and_forgets_who_was_quiet():
    now = [0.0]
    rate = Rate(per_s=2.0, burst=2.0, clock=lambda: now[0])

    assert [rate.take("a") for _ in range(3)] == [True, True, False]
    assert rate.take("b")
    now[0] = 0.6
    assert [rate.take("a") for _ in range(2)] == [True, False]
    for number in range(2 * NAMES):
        rate.take(str(number))
    assert len(rate._left) == NAMES


def test_a_recovery_link_is_in_no_log(app, client, caplog, monkeypatch):
    monkeypatch.setattr("portal.accounts.routes.owner_of", lambda *_: 1 / 0)
    caplog.set_level(logging.DEBUG)

    assert client.get("/recover/the-secret-of-somebody").status_code == 500
    assert "ZeroDivisionError" in caplog.text
    assert "the-secret-of-somebody" not in caplog.text


def test_an_error_says_nothing_of_the_inside(app, client, monkeypatch):
    monkeypatch.setattr("portal.accounts.routes.owner_of", lambda *_: 1 / 0)

    page = client.get("/recover/x").text

    assert "ZeroDivision" not in page
    assert "Traceback" not in page
    assert "/portal/" not in page


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A supervisor that is not started."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal:secret-one@db/portal")
    monkeypatch.setenv("REDIS_URL", "redis://:secret-two@cache/0")
    monkeypatch.setenv("SECRET_KEY", "secret-three" * 4)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        made = Site(places_of(tmp_path), "127.0.0.1", listener, without_isolation=False)
        yield made
        made._client.redis.close()


def test_the_labs_host_gets_the_one_secret_that_it_needs_and_none_where_others_can_read(site):
    launch = site._labs_host()

    assert {name for name, value in launch.environment.items() if "secret-" in value} == {
        "REDIS_URL"
    }
    for started in (launch, site._web(), site._recorder()):
        assert "secret-" not in " ".join(map(str, started.argv))


def test_on_its_own_address_the_site_answers_to_its_own_names_only(site, app, monkeypatch):
    """A page of another site could have its own name lead to 127.0.0.1, and would then be taken for
    a page from here.
    """
    names = site._web().environment["TRUSTED_HOSTS"].split(",")
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", names)

    assert app.test_client().get("/healthz", base_url="http://localhost:8000").status_code == 200
    assert app.test_client().get("/healthz", base_url="http://127.0.0.1:8000").status_code == 200
    assert app.test_client().get("/healthz", base_url="http://evil.example:8000").status_code == 400


def test_two_who_use_a_recovery_link_at_once_are_one(app, client):
    link = re.search(r"/recover/([\w-]+)", client.post("/me/recovery").text)[1]
    answers, start = [], threading.Barrier(8)

    def use():
        browser = app.test_client()
        start.wait()
        answers.append(
            browser.post(f"/recover/{link}", headers={"Sec-Fetch-Site": "same-origin"}).status_code
        )

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [303] + [404] * 7


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
        {"kind": "check", "name": "last", "data": {}},
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
    assert "last" in names
    services.client.redis.delete("labs:outcomes", "labs:acks:here")


def test_a_state_stays_small_whatever_it_is_told():
    state = SandboxState()

    for seq in itertools.islice(itertools.count(1), 5_000):
        state.apply(Entry(seq, 1.0, NoteAdded(text="x" * 1_000)))

    assert len(state.timeline) == TIMELINE_LENGTH
