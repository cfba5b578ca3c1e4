"""Questions: asked without their answers, marked at once, kept once."""

from __future__ import annotations

import re
import threading

import psycopg
import pytest

from tests.web.quiz_pages import HTMX, option, told, words


def test_a_quiz_asks_everything_and_tells_no_answer(client):
    page = client.get("/lessons/first/quiz").text

    for text in (
        "Who asks the database?",
        "What is a cache good for?",
        "How many are left?",
        "How many queries will it be?",
    ):
        assert text in page
    for secret in (
        "Your code does.",
        "It does not know of it.",
        "12.5",
        "Because the rest are hits.",
        "The first one only.",
        'data-verdict="right"',
    ):
        assert secret not in page


def test_a_right_answer_is_explained_at_once(client, sql):
    response = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "The application")},
        headers=HTMX,
    )

    assert response.status_code == 200
    assert "<html" not in response.text
    assert told(response) == "Right" and "Your code does." in response.text
    assert "It does not know of it." not in response.text
    assert sql('SELECT lesson, question, attempt_no, "right" FROM answer') == [
        ("first", "one-of-three", 1, True)
    ]


def test_a_wrong_answer_shows_the_right_one_and_the_reasons(client):
    response = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "AWS")},
        headers=HTMX,
    )

    assert told(response).startswith("Not this one")
    assert 'data-verdict="chosen"' in response.text and 'data-verdict="right"' in response.text
    assert "It runs the servers only." in response.text and "Your code does." in response.text
    assert "It does not know of it." not in response.text
    assert "Try again" not in response.text


def test_without_a_script_the_answer_leads_back_to_the_question(client):
    response = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "The application")},
    )

    assert response.status_code == 303
    assert response.location == "/lessons/first/quiz#q-one-of-three"
    page = client.get(response.location).text
    assert words(page) == "1 of 1 right, 3 to go" and "Your code does." in page


def test_a_question_answered_in_the_text_leads_back_to_the_lesson(client):
    response = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "The application"), "from": "lesson"},
    )

    assert response.location == "/lessons/first#q-one-of-three"
    assert "Your code does." in client.get("/lessons/first").text


def test_several_answers_must_all_be_chosen(client):
    both = [
        option(client, "two-of-three", "Costly answers"),
        option(client, "two-of-three", "Answers asked for again"),
    ]

    half = client.post("/lessons/first/quiz/two-of-three", data={"choice": both[:1]}, headers=HTMX)
    whole = client.post("/lessons/first/quiz/two-of-three", data={"choice": both}, headers=HTMX)

    assert told(half).startswith("Not all of them") and "Right, and not chosen." in half.text
    assert told(whole) == "Right"


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("12.5", "Right"),
        ("12,5", "Right"),
        ("13", "Right"),
        ("13.1", "Not this number"),
        (" 12 ", "Right"),
        ("-1", "Not this number"),
    ],
)
def test_a_number_is_right_within_its_tolerance(client, typed, verdict):
    answer = client.post("/lessons/first/quiz/a-number", data={"value": typed}, headers=HTMX)

    assert told(answer).startswith(verdict)


@pytest.mark.parametrize("typed", ["", "many", "nan", "inf", "1e400", "<script>", "١٢٣x"])
def test_what_is_no_number_is_refused_and_stays_in_the_form(client, sql, typed):
    response = client.post("/lessons/first/quiz/a-number", data={"value": typed}, headers=HTMX)

    assert response.status_code == 422
    assert "Type a number" in response.text
    assert "<script>" not in response.text
    assert 'name="value"' in response.text
    assert sql("SELECT count(*) FROM answer") == [(0,)]
    assert sql("SELECT count(*) FROM learner") == [(0,)]


@pytest.mark.parametrize("choice", [[], ["nonsense"], ["a" * 10]])
def test_what_is_no_option_is_refused(client, sql, choice):
    response = client.post("/lessons/first/quiz/one-of-three", data={"choice": choice})

    assert response.status_code == 422
    assert "<html" in response.text
    assert sql("SELECT count(*) FROM answer") == [(0,)]


def test_two_options_of_one_are_refused(client):
    both = [option(client, "one-of-three", "AWS"), option(client, "one-of-three", "The cache")]

    assert (
        client.post(
            "/lessons/first/quiz/one-of-three", data={"choice": both}, headers=HTMX
        ).status_code
        == 422
    )


def test_trying_again_works_without_a_script(client):
    client.post("/lessons/first/quiz/a-number", data={"value": "1"})

    response = client.get("/lessons/first/quiz/a-number", follow_redirects=True)

    assert 'id="q-a-number-value"' in response.text


def test_a_double_click_is_one_attempt(app, client, sql):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    cookie = client.get_cookie("learner")
    ready = threading.Barrier(8)
    statuses = []

    def click():
        browser = app.test_client()
        browser.set_cookie("learner", cookie.value)
        ready.wait()
        statuses.append(
            browser.post(
                "/lessons/first/quiz/a-number",
                data={"value": "12.5", "form-key": "ab" * 16},
                headers=HTMX,
            ).status_code
        )

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 8
    assert sql("SELECT attempt_no FROM answer") == [(1,)]


def test_attempts_at_the_same_moment_are_numbered(app, client, sql):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    cookie = client.get_cookie("learner")

    def click(number):
        browser = app.test_client()
        browser.set_cookie("learner", cookie.value)
        browser.post(
            "/lessons/first/quiz/a-number",
            data={"value": str(number), "form-key": f"{number:032x}"},
            headers=HTMX,
        )

    threads = [threading.Thread(target=click, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sql("SELECT attempt_no FROM answer ORDER BY 1") == [(number,) for number in range(1, 9)]


def test_an_answer_to_another_wording_does_not_count(client, sql):
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})
    sql("UPDATE answer SET content_hash = 'an older one'")

    page = client.get("/lessons/first/quiz").text

    assert "Because the rest are hits." not in page
    assert 'id="q-a-number-value"' in page


def test_options_keep_their_order_for_a_learner(client):
    client.post("/lessons/first/progress", data={"section": "the-end"})

    pages = {
        tuple(re.findall(r'name="choice" value="(\w+)"', client.get("/lessons/first/quiz").text))
        for _ in range(5)
    }

    assert len(pages) == 1


def test_nobody_sees_the_answers_of_another(client, other):
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})
    other.post("/lessons/first/progress", data={"section": "the-end"})

    assert "Because the rest are hits." not in other.get("/lessons/first/quiz").text


def test_a_question_that_is_not_there_is_not_found(client):
    assert client.get("/lessons/first/quiz/nothing").status_code == 404
    assert client.post("/lessons/first/quiz/nothing").status_code == 404
    assert client.get("/lessons/third/quiz").status_code == 404


def test_a_measured_question_needs_the_bench_and_keeps_the_number(client, sql):
    response = client.post(
        "/lessons/first/quiz/a-measure", data={"value": "3", "confidence": "certain"}, headers=HTMX
    )

    assert response.status_code == 409
    assert "Open it, then come back" in response.text
    assert 'href="/labs/sample-lab"' in response.text
    assert 'value="3"' in response.text
    assert sql("SELECT count(*) FROM answer") == [(0,)]


@pytest.mark.parametrize(("typed", "right"), [("1", True), ("4", False)])
def test_a_measured_question_is_marked_by_the_measurement(
    client, host, sql, typed, right, learner_of
):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "sample-lab")
    host.answers["measure"] = lambda request: {"reply": {"value": 1.0, "shown": "1 queries"}}

    response = client.post(
        "/lessons/first/quiz/a-measure",
        data={"value": typed, "confidence": "guessing"},
        headers=HTMX,
    )

    assert response.status_code == 200
    assert "Measured on your servers." in response.text
    assert told(response).startswith("Right" if right else "Not this number")
    assert ("off by 3; " in response.text) is not right
    assert sql("SELECT value, confidence, measured, held FROM prediction") == [
        (float(typed), "guessing", 1.0, right)
    ]
    assert sql('SELECT "right" FROM answer') == [(right,)]
    assert host.calls[0]["args"] == {"prediction": "queries"}


def test_a_measurement_that_fails_keeps_the_prediction_and_no_answer(client, host, sql, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "sample-lab")
    host.answers["measure"] = lambda request: {
        "error": {"kind": "server-down", "message": "The cache is down.", "hint": "Start it again."}
    }

    response = client.post("/lessons/first/quiz/a-measure", data={"value": "1"}, headers=HTMX)

    assert response.status_code == 409
    assert "The cache is down." in response.text
    assert sql("SELECT measured_at FROM prediction") == [(None,)]
    assert sql("SELECT count(*) FROM answer") == [(0,)]


def test_a_sandbox_of_another_lab_is_not_measured_in(client, host, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "another-lab")

    assert (
        client.post("/lessons/first/quiz/a-measure", data={"value": "1"}, headers=HTMX).status_code
        == 409
    )
    assert host.calls == []


def test_an_answer_does_not_wait_for_the_recorder(client, postgres, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})

    with psycopg.connect(postgres.url.replace("+psycopg", "")) as recording:
        recording.execute(
            "SELECT id FROM learner WHERE id = %s FOR KEY SHARE", [learner_of(client)]
        )
        response = client.post("/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX)

    assert response.status_code == 200
