"""Cookies, recovery links, rates and ways back: a visitor can only be itself."""

import logging
import re
import threading

import pytest

from portal.accounts.routes import LARGEST_ID
from portal.bench.places import way_back
from portal.web import learner as learners
from portal.web.rates import NAMES, Rate

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
    monkeypatch.setitem(app.extensions, learners.KEY, Rate(per_s=0.001, burst=3.0))
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
