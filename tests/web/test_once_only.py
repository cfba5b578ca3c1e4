"""A form that is sent twice makes one thing, and no learner makes things without end."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.accounts.records import KEPT_LINKS, MOST_LINKS
from portal.predictions import KEPT
from portal.quizzes import answers

PREDICTION = "/labs/sample-lab/predictions/queries"
QUIZ = "/lessons/first/quiz/a-number"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def begun(client, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-end"})
    return learner_of(client)


@pytest.fixture
def measured(host, begun):
    """The client's open bench, on which every measurement gives 1."""
    host.open(begun, "sample-lab")
    host.answers["measure"] = lambda _: {"reply": {"value": 1.0, "shown": "1 query"}}
    return host


@pytest.fixture
def at_once(app, client):
    """Send a form from several browsers of one learner at the same moment."""

    def send(path, forms):
        def one(data):
            browser = app.test_client()
            browser.set_cookie("learner", client.get_cookie("learner").value)
            return browser.post(path, data=data, headers=HTMX)

        with ThreadPoolExecutor(len(forms)) as pool:
            return list(pool.map(one, forms))

    return send


def key_of(page):
    return re.search(r'name="form-key" value="([0-9a-f]{32})"', page)[1]


def link_in(page):
    found = re.search(r'value="http://localhost(/recover/[^"]+)"', page)
    return found[1] if found else None


def test_a_prediction_that_is_sent_again_is_one_and_is_measured_once(client, measured, sql):
    form = {"value": "1", "confidence": "fairly", "form-key": "a" * 32}

    cards = [client.post(PREDICTION, data=form, headers=HTMX).text for _ in range(5)]

    assert all("Your guess was right" in card for card in cards)
    assert sql("SELECT count(*) FROM prediction") == [(1,)]
    assert [call["call"] for call in measured.calls] == ["measure"]


def test_of_predictions_that_wait_the_newest_words_are_kept(begun, at_once, client, sql):
    same = {"value": "1", "confidence": "fairly"}

    answers = at_once(PREDICTION, [same] * 5)
    client.post(PREDICTION, data={"value": "2", "confidence": "certain"})

    assert {answer.status_code for answer in answers} == {200}
    assert sql("SELECT value, confidence, measured_at FROM prediction") == [(2.0, "certain", None)]


def test_each_form_of_a_prediction_makes_another(client, measured, sql):
    for _ in range(2):
        form = {
            "value": "1",
            "confidence": "fairly",
            "form-key": key_of(client.get(PREDICTION + "?again=1").text),
        }
        client.post(PREDICTION, data=form)

    assert sql("SELECT count(*), count(measured) FROM prediction") == [(2, 2)]


def test_the_newest_predictions_of_a_name_stay(client, measured, sql):
    for number in range(KEPT + 3):
        client.post(PREDICTION, data={"value": str(number), "confidence": "fairly"})

    assert sql("SELECT count(*), max(value::float) FROM prediction") == [(KEPT, KEPT + 2)]


def test_a_measured_answer_that_is_sent_again_is_one_prediction(at_once, measured, sql):
    form = {"value": "1", "confidence": "fairly", "form-key": "a" * 32}

    answers = at_once("/lessons/first/quiz/a-measure", [form] * 4)

    assert {answer.status_code for answer in answers} == {200}
    assert sql("SELECT count(*) FROM prediction") == [(1,)]
    assert sql("SELECT count(*) FROM answer") == [(1,)]


def test_the_newest_answers_to_a_question_stay(client, sql):
    for number in range(answers.KEPT + 3):
        client.post(QUIZ, data={"value": str(number)})

    assert sql("SELECT count(*), max(attempt_no) FROM answer") == [(answers.KEPT, answers.KEPT + 3)]


def test_the_form_of_a_link_that_is_sent_again_shows_the_same_link(client, begun, sql, at_once):
    form = {"form-key": key_of(client.get("/me").text)}

    links = {link_in(answer.text) for answer in at_once("/me/recovery", [form] * 5)}

    assert len(links) == 1
    assert links != {None}
    assert sql("SELECT count(*) FROM recovery") == [(1,)]


def test_a_learner_has_few_links_that_work(client, begun, sql, at_once):
    answers = at_once("/me/recovery", [{}] * 12)

    refused = [answer for answer in answers if answer.status_code == 409]
    assert len(refused) == 12 - MOST_LINKS
    assert all("End one of them, then make a new one." in answer.text for answer in refused)
    assert sql("SELECT count(*) FROM recovery") == [(MOST_LINKS,)]

    [(first,)] = sql("SELECT min(id) FROM recovery")
    client.post(f"/me/recovery/{first}/revoke")
    assert link_in(client.post("/me/recovery").text)


def test_a_link_that_was_used_is_not_made_again(client, other, begun, sql):
    form = {"form-key": key_of(client.get("/me").text)}
    other.post(link_in(client.post("/me/recovery", data=form).text))

    again = client.post("/me/recovery", data=form)

    assert again.status_code == 409
    assert "This link no longer works. Make a new one." in again.text
    assert link_in(again.text) is None


def test_links_that_work_no_more_are_few(client, begun, sql):
    for _ in range(KEPT_LINKS + 4):
        client.post("/me/recovery")
        [(newest,)] = sql("SELECT max(id) FROM recovery")
        client.post(f"/me/recovery/{newest}/revoke")

    assert sql("SELECT count(*) FROM recovery") == [(KEPT_LINKS,)]


def test_two_learners_with_one_key_have_links_of_their_own(client, other, begun):
    links = {
        link_in(browser.post("/me/recovery", data={"form-key": "b" * 32}).text)
        for browser in (client, other)
    }

    assert len(links) == 2


@pytest.mark.parametrize("typed", ["1,234", "many", "", "1e999"])
@pytest.mark.parametrize("headers", [HTMX, {}], ids=["a fragment", "a page"])
def test_what_is_no_prediction_stays_in_its_form(client, sql, typed, headers):
    form = {"value": typed, "confidence": "certain", "form-key": "c" * 32}

    answer = client.post(PREDICTION, data=form, headers=headers)

    assert answer.status_code == 422
    assert f'required value="{typed}" aria-invalid="true"' in answer.text
    assert 'value="certain" checked' in answer.text
    assert key_of(answer.text) == "c" * 32
    assert "Type" in answer.text
    assert ("<html" in answer.text) is not bool(headers)
    assert sql("SELECT count(*) FROM learner") == [(0,)]


@pytest.mark.parametrize(("typed", "kept"), [("0,5", 0.5), ("1.234,5", 1234.5), ("3 queries", 3)])
def test_a_prediction_takes_a_comma_and_the_unit(client, sql, typed, kept):
    client.post(PREDICTION, data={"value": typed, "confidence": "fairly"})

    assert sql("SELECT value FROM prediction") == [(kept,)]


def test_words_for_the_next_page_do_not_pile_up(client, begun):
    for number in range(8):
        client.post(PREDICTION, data={"value": str(number), "confidence": "fairly"})

    assert client.get("/me").text.count("open the bench, then press") == 3
    assert client.get("/me").text.count("open the bench, then press") == 0
