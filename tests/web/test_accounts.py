"""Who is known, how to go on elsewhere, how to be forgotten."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def begin(learner_of):
    """Have a browser do something, so that there is a learner."""

    def post(client):
        client.post("/lessons/first/progress", data={"section": "the-end"})
        return learner_of(client)

    return post


def link_of(client) -> str:
    found = re.search(r'value="http://localhost(/recover/[^"]+)"', client.post("/me/recovery").text)
    assert found
    return found[1]


UNKNOWN = "The site has stored nothing about you yet."


def test_a_stranger_reads_that_nothing_is_stored(client):
    page = client.get("/me").text

    assert UNKNOWN in page
    assert "You have not predicted anything yet." in page
    assert "Delete everything" not in page


def test_a_learner_sees_what_was_read_proved_and_answered(client, sql, begin):
    learner = begin(client)
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})
    client.post("/lessons/second/read")
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES ('o1', "
        "%s, 'sample-lab', 'check', 'first', 'met', '{}', now())",
        learner,
    )

    page = client.get("/me")

    assert page.headers["Cache-Control"] == "no-store"
    for what, many in (
        ("Lessons read", "1 <small>of 2"),
        ("Checks met in the labs", "1 <small>of"),
        ("Questions answered right", "1 <small>of"),
        ("Predictions right", "0 <small>of 0"),
    ):
        assert f"<dt>{what}</dt><dd>{many}" in page.text
    assert '>1 of 2<span class="visually-hidden"> checks met</span>' in page.text


def test_a_learner_sees_how_far_off_each_guess_was(client, sql, begin):
    learner = begin(client)
    for number, (name, value, measured, held, confidence) in enumerate(
        (
            ("queries", 10, 1, False, "certain"),
            ("queries", 1, 1, True, "guessing"),
            ("served", '"new"', '"old"', False, "certain"),
            ("queries", 5, None, None, "certain"),
        )
    ):
        sql(
            "INSERT INTO prediction (learner_id, lab, name, value, confidence, at, measured, held, "
            "measured_at) VALUES (%s, 'sample-lab', %s, %s::jsonb, %s, now(), %s::jsonb, %s, "
            "CASE WHEN %s THEN NULL ELSE now() + %s * interval '1 second' END)",
            *(learner, name, str(value), confidence),
            *(None if measured is None else str(measured), held, measured is None, number),
        )

    page = client.get("/me").text

    assert "The middle guess was 5.5 times off; 1 of 2 came within 2 times" in page
    assert re.findall(r'<circle class="(\w+)" cx="([\d.%]+)" cy="([\d.%]+)"', page) == [
        ("missed", "25.0%", "0.0%"),
        ("held", "75.0%", "50.0%"),
    ]
    assert "10 times too high" in page
    assert re.findall(r"<span>(\d of \d) right</span>", page) == ["1 of 1", "0 of 2"]
    assert "All 3 predictions" in page
    assert "<td>The new price</td><td>The old price</td>" in page


def test_the_cookie_is_hidden_from_scripts_and_lasts_a_year(client):
    response = client.post("/lessons/first/progress", data={"section": "the-end"})

    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=31536000" in cookie
    assert "Secure" not in cookie


def test_the_cookie_is_secure_where_the_request_is(client):
    response = client.post(
        "/lessons/first/progress", data={"section": "the-end"}, base_url="https://localhost"
    )

    assert "Secure" in response.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in response.headers


def test_the_cookies_year_begins_anew_with_each_action(client, begin):
    begin(client)

    assert (
        "Max-Age=31536000"
        in client.post("/lessons/first/progress", data={"section": "the-end"}).headers["Set-Cookie"]
    )
    assert "Set-Cookie" not in client.get("/").headers


def test_a_forged_cookie_is_nobody(client, sql, begin):
    learner = begin(client)
    client.set_cookie("learner", f"{learner}.forged")

    assert UNKNOWN in client.get("/me").text


def test_a_recovery_link_takes_a_learner_to_another_browser_once(
    client, other, sql, learner_of, begin
):
    learner = begin(client)
    link = link_of(client)

    asked = other.get(link)
    assert "1 lesson begun" in asked.text
    assert other.get_cookie("learner") is None

    assert other.post(link).status_code == 303
    assert learner_of(other) == learner
    assert other.get(link).status_code == 404
    assert other.post(link).status_code == 404


def test_the_token_itself_is_not_kept(client, sql, begin):
    begin(client)
    token = link_of(client).removeprefix("/recover/")

    [(kept,)] = sql("SELECT token_sha256 FROM recovery")

    assert token not in kept
    assert token not in client.get("/me").text


def test_a_revoked_link_is_dead(client, other, sql, begin):
    begin(client)
    link = link_of(client)
    [(number,)] = sql("SELECT id FROM recovery")

    assert client.post(f"/me/recovery/{number}/revoke").status_code == 303

    assert other.post(link).status_code == 404


def test_nobody_revokes_the_link_of_another(client, other, sql, begin):
    begin(client)
    begin(other)
    link_of(client)
    [(number,)] = sql("SELECT id FROM recovery")

    assert other.post(f"/me/recovery/{number}/revoke").status_code == 404
    assert sql("SELECT revoked_at FROM recovery") == [(None,)]


def test_a_browser_with_progress_is_told_before_it_changes(client, other, begin):
    begin(client)
    begin(other)

    assert "This browser has progress of its own" in other.get(link_of(client)).text


def test_deleting_needs_the_tick_and_then_deletes_everything(client, sql, begin):
    begin(client)
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})
    link_of(client)

    refused = client.post("/me/delete")
    assert refused.status_code == 422 and "Tick the box" in refused.text
    assert sql("SELECT count(*) FROM learner") == [(1,)]

    assert client.post("/me/delete", data={"sure": "yes"}).status_code == 303
    for table in ("learner", "progress", "answer", "recovery"):
        assert sql(f"SELECT count(*) FROM {table}") == [(0,)]
    assert client.get_cookie("learner") is None
    assert "is deleted" in client.get("/me").text


def test_deleting_closes_the_sandbox(client, host, begin):
    learner = begin(client)
    host.open(learner, "sample-lab")

    client.post("/me/delete", data={"sure": "yes"})

    assert [call["call"] for call in host.calls] == ["close"]


def test_a_deleted_learner_becomes_a_new_one_in_a_browser_that_still_has_the_cookie(
    client, other, sql, begin
):
    learner = begin(client)
    other.set_cookie("learner", client.get_cookie("learner").value)
    client.post("/me/delete", data={"sure": "yes"})

    assert begin(other) != learner
    assert sql("SELECT count(*) FROM learner") == [(1,)]
