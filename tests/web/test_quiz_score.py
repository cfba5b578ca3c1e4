"""The score of a quiz: it counts at once, a right answer stays, the end says what was missed."""

from __future__ import annotations

import re

import pytest

from portal.quizzes import answers
from tests.web.quiz_pages import HTMX, boxes, in_words, option, words


def answer_all(client, *, number="12.5", measured="1"):
    """Answer every question of the lesson; what the last answer brings."""
    for question, texts in (
        ("one-of-three", ["The application"]),
        ("two-of-three", ["Costly answers", "Answers asked for again"]),
    ):
        chosen = [option(client, question, text) for text in texts]
        client.post(f"/lessons/first/quiz/{question}", data={"choice": chosen}, headers=HTMX)
    client.post("/lessons/first/quiz/a-number", data={"value": number}, headers=HTMX)
    form = {"value": measured, "confidence": "fairly"}
    return client.post("/lessons/first/quiz/a-measure", data=form, headers=HTMX).text


@pytest.fixture
def measuring(client, host, learner_of):
    """The client's open bench, on which every measurement gives 1."""
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "sample-lab")
    host.answers["measure"] = lambda _: {"reply": {"value": 1.0, "shown": "1 query"}}


def test_the_score_counts_with_the_answer(client):
    assert words(client.get("/lessons/first/quiz").text) == "4 questions"

    wrong = client.post("/lessons/first/quiz/a-number", data={"value": "1"}, headers=HTMX).text
    right = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "The application")},
        headers=HTMX,
    ).text

    assert words(wrong) == "0 of 1 right, 3 to go"
    assert boxes(wrong) == ["open", "open", "wrong", "open"]
    assert words(right) == "1 of 2 right, 2 to go"
    assert boxes(right) == ["right", "open", "wrong", "open"]
    assert 'href="#q-two-of-three">Next question' in right
    assert "end-card" not in right


def test_the_last_answer_brings_what_was_missed_and_the_next_lesson(client, measuring):
    last = answer_all(client, number="1", measured="4")

    assert words(last) == "2 of 4 right Your result"
    assert 'href="#quiz-end">See your result' in last
    for page in (last, client.get("/lessons/first/quiz").text):
        end = page[page.index("end-card") :]
        assert "2 of 4 right" in end and "You missed 2 questions." in end
        assert "Right: 12.5 queries/s. You said 1 queries/s." in in_words(end)
        assert "Measured: 1 queries. You said 4 queries." in in_words(end)
        assert 'href="/lessons/first#the-beginning">Lesson 1, “The beginning”' in end
        assert 'href="/lessons/second">Go on: lesson 2' in end
        assert end.count("button primary") == 1


def test_what_was_missed_is_asked_again_and_nothing_else(client, measuring):
    answer_all(client, number="1")

    page = client.get("/lessons/first/quiz?again=missed").text
    assert page.count("<form") == page.count('hx-post="/lessons/first/quiz/a-number"') == 1
    assert words(page) == "3 of 4 right Your result"
    last = client.post("/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX).text

    assert words(last) == "4 of 4 right Your result"
    assert "You have answered every question of this lesson." in last
    assert "again=missed" not in last


def test_headings_follow_one_another(client):
    client.post("/lessons/first/quiz/a-number", data={"value": "1"})

    levels = [int(level) for level in re.findall(r"<h(\d)", client.get("/lessons/first/quiz").text)]

    assert levels == [1, 2, 2, 2, 2]


def test_in_the_text_of_a_lesson_there_is_no_score(client):
    response = client.post(
        "/lessons/first/quiz/one-of-three",
        data={"choice": option(client, "one-of-three", "AWS"), "from": "lesson"},
        headers=HTMX,
    ).text

    assert "quiz-words" not in response and "Next question" not in response
    assert 'href="/lessons/first/quiz?again=one-of-three#q-one-of-three"' in response


def test_trying_again_is_another_attempt_and_the_right_one_counts(client, sql):
    client.post("/lessons/first/quiz/a-number", data={"value": "1"})
    again = client.get("/lessons/first/quiz/a-number", headers=HTMX)
    assert 'name="value"' in again.text and "Because the rest are hits." not in again.text
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})

    assert sql('SELECT attempt_no, "right" FROM answer ORDER BY attempt_no') == [
        (1, False),
        (2, True),
    ]
    assert words(client.get("/lessons/first/quiz").text) == "1 of 1 right, 3 to go"


def test_what_was_answered_rightly_once_stays_right(client, sql):
    for value in ("12.5", "1"):
        client.post("/lessons/first/quiz/a-number", data={"value": value}, headers=HTMX)

    page = client.get("/lessons/first/quiz").text

    assert words(page) == "1 of 1 right, 3 to go"
    assert sql('SELECT "right" FROM answer ORDER BY attempt_no') == [(True,), (False,)]


def test_the_right_attempt_is_not_among_those_that_are_deleted(client, monkeypatch, sql):
    monkeypatch.setattr(answers, "KEPT", 2)

    for value in ("12.5", "1", "2", "3", "4"):
        client.post("/lessons/first/quiz/a-number", data={"value": value})

    assert sql("SELECT attempt_no FROM answer ORDER BY 1") == [(1,), (4,), (5,)]


def test_a_right_answer_to_an_older_wording_hides_no_answer_to_the_new_one(client, sql):
    client.post("/lessons/first/quiz/a-number", data={"value": "12.5"})
    sql("UPDATE answer SET content_hash = 'an older one'")

    client.post("/lessons/first/quiz/a-number", data={"value": "1"})

    assert words(client.get("/lessons/first/quiz").text) == "0 of 1 right, 3 to go"
