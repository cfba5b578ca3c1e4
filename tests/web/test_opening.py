"""Opening a bench: which page leads where, what the queue shows, what closes a sandbox."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from html import unescape
from threading import Timer

import pytest
from flask.testing import FlaskClient
from redis import Redis

from tests.waiting import eventually
from tests.web.answering_host import AnsweringHost
from tests.web.faked_labs import FakedLabs, FakedSandbox

LAB = "cache-aside"
HTMX = {"HX-Request": "true"}


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


def test_an_exercise_is_set_up_also_while_the_cache_is_down(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    client.post(f"/sandboxes/{opened.id}/servers/cache", data={"verb": "kill"})

    response = client.post(
        f"/labs/{LAB}/sandbox?on=lesson",
        data={"set-ttl_s": "45", "gear": "break", "exercise": "yes"},
        headers=HTMX,
    )

    assert response.status_code == 200
    words = "The bench is set up for this: cache was restarted and the cache was emptied."
    assert words in response.text
    assert "Before: “Time to live” at 30 s." in response.text
    assert 'data-gear="break"' in response.text and 'data-tab="break"' in response.text
    assert opened.state.servers["cache"]["state"] == "up"
    assert opened.state.settings["ttl_s"] == 45


def test_an_exercise_without_a_tab_leaves_it_to_the_guide(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    response = client.post(f"/labs/{LAB}/sandbox?on=lesson", data={"exercise": "yes"}, headers=HTMX)

    assert 'data-tab=""' in response.text
    assert "data-tab" not in client.post(f"/labs/{LAB}/sandbox", headers=HTMX).text


def test_a_queue_tells_the_position(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> None:
    labs_host.queue("first", "second")
    client.post(f"/labs/{LAB}/sandbox")

    part = client.get(f"/labs/{LAB}/bench").text
    assert "You are number <strong>3</strong> in the queue" in part
    assert 'data-place="3" data-ask="300"' in part

    labs_host.queue(*(f"learner {number}" for number in range(60)))
    last = client.application.test_client()
    last.post(f"/labs/{LAB}/sandbox")
    part = last.get(f"/labs/{LAB}/bench").text
    assert "You are number <strong>64</strong> in the queue" in part
    assert 'data-place="64" data-ask="3000"' in part
    assert "waiting for its turn" in last.get("/labs").text

    labs_host.let_in()
    labs_host.opened(learner_of(client))
    assert 'data-phase="open"' in client.get(f"/labs/{LAB}/bench").text


def test_a_bench_that_waits_is_sent_again_when_its_place_has_changed(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    labs_host.queue("first")
    client.post(f"/labs/{LAB}/sandbox")
    part = client.get(f"/labs/{LAB}/bench").text
    (redraw,) = re.findall(r'data-redraw="([^"]*)"', part)
    assert 'data-place="2"' in part
    address = f"{unescape(redraw)}&place=2"

    assert client.get(address).status_code == 204

    labs_host.client.call(labs_host.of("first").id, "close")
    eventually(lambda: client.get(address).status_code == 200)


def test_a_learner_can_leave_the_queue(
    client: FlaskClient, labs_host: FakedLabs, learner_of: Callable[[FlaskClient], str]
) -> None:
    labs_host.queue("first")
    client.post(f"/labs/{LAB}/sandbox")
    waiting = labs_host.of(learner_of(client))
    behind = client.application.test_client()
    behind.post(f"/labs/{LAB}/sandbox")
    form = f'<form method="post" action="/sandboxes/{waiting.id}/close"'
    assert form in client.get(f"/labs/{LAB}").text

    left = client.post(
        f"/sandboxes/{waiting.id}/close",
        headers={"Referer": f"http://localhost/labs/{LAB}?ttl_s=9"},
    )

    assert (left.status_code, left.location) == (303, f"/labs/{LAB}?ttl_s=9")
    assert (waiting.info.status, waiting.info.reason) == ("closed", "You left the queue.")
    assert "Open the bench" in client.get(f"/labs/{LAB}?ttl_s=9").text
    eventually(lambda: "You are number <strong>2</strong>" in behind.get(f"/labs/{LAB}").text)


def test_only_a_bench_that_waits_offers_to_leave_the_queue(
    client: FlaskClient, opened: FakedSandbox
) -> None:
    assert "Leave the queue" not in client.get(f"/labs/{LAB}").text


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


class FailsToOpen:
    """A labs host whose sandboxes are opened for a while and then don't open."""

    reason = "The labs could not start your servers."

    def __init__(self, host: AnsweringHost, redis: Redis) -> None:
        self.redis = redis
        self.fails_at_once = False
        self.stands_still_ms = 0
        about = {"isolation": "cage", "versions": {}, "open": 0, "room": 9, "queued": 0}
        redis.hset("labs:hosts", "here", json.dumps({"at": time.time(), **about}))
        host.answers["open"] = self._open
        self._host = host

    def _open(self, request: dict[str, dict[str, str]]) -> dict[str, object]:
        args = request["args"]
        self._host.open(args["owner"], args["lab"], status="opening")
        about = {"id": "5a9d", "owner": args["owner"], "lab": args["lab"], "host": "here"}
        if self.fails_at_once:
            self.fail()
        if self.stands_still_ms:
            Timer(0.1, self.redis.client_pause, [self.stands_still_ms]).start()
        return {"reply": {**about, "status": "opening"}}

    def fail(self) -> None:
        """The sandbox that is being opened is closed, as a labs host says it."""
        owner = self.redis.hget("labs:sandbox:5a9d", "owner")
        self.redis.hset("labs:sandbox:5a9d", "status", "closed")
        self.redis.hset("labs:sandbox:5a9d", "reason", self.reason)
        self.redis.delete("labs:owner:" + str(owner))


@pytest.fixture
def failing(host: AnsweringHost, portal_redis: Redis) -> FailsToOpen:
    return FailsToOpen(host, portal_redis)


def says_why_and_opens_again(page: str) -> bool:
    return FailsToOpen.reason in page and "Open it again" in page


def test_a_bench_that_waits_says_so_when_it_does_not_open(
    client: FlaskClient, failing: FailsToOpen
) -> None:
    page = client.post(f"/labs/{LAB}/sandbox", follow_redirects=True).text
    assert "Opening your bench" in page
    (asked_next,) = re.findall(r'data-redraw="([^"]*)"', page)
    (look_again,) = re.findall(r'href="([^"]*)">Look again', page)

    failing.fail()

    assert says_why_and_opens_again(client.get(unescape(asked_next), headers=HTMX).text)
    assert says_why_and_opens_again(client.get(unescape(look_again)).text)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_bench_that_does_not_open_at_once_says_so(
    client: FlaskClient, failing: FailsToOpen, headers: dict[str, str]
) -> None:
    failing.fails_at_once = True

    response = client.post(f"/labs/{LAB}/sandbox", headers=headers, follow_redirects=True)

    assert says_why_and_opens_again(response.text)


def test_a_redis_that_stands_still_for_a_moment_fails_no_opening(
    client: FlaskClient, failing: FailsToOpen
) -> None:
    failing.stands_still_ms = 400

    response = client.post(f"/labs/{LAB}/sandbox")

    assert response.status_code == 303


def test_a_bench_that_does_not_open_leads_back_to_the_lesson_that_asked(
    client: FlaskClient, failing: FailsToOpen
) -> None:
    failing.fails_at_once = True

    response = client.post(f"/labs/{LAB}/sandbox", data={"next": "/lessons/first?gear=step"})

    assert response.location == "/lessons/first?gear=step&was=5a9d"
