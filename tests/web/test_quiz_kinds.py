"""Questions of the kinds order, match, fill and trace: right, wrong, not answerable, in the text of
a lesson, and again.
"""

from __future__ import annotations

import pytest

from portal.content.loading import load
from portal.quizzes.marking import choices_in_order, in_order, rows_in_order
from portal.settings import ROOT
from tests.web.quiz_pages import (
    HTMX,
    PAIRS,
    STEPS,
    boxes,
    card,
    in_words,
    option,
    placed,
    selects,
    told,
    words,
)

QUIZ = "/lessons/second/quiz"
SWAPPED = STEPS | {"The app asks the cache.": "2nd", "The cache says no.": "1st"}

CROSSED = PAIRS | {"GET page:42": "deletes a key", "DEL page:42": "reads a value"}


@pytest.fixture
def right(client):
    """The right answer to each question, as its form."""
    return {
        "in-order": placed(client, "in-order", STEPS),
        "in-pairs": placed(client, "in-pairs", PAIRS),
        "typed": {"value": "EXPIRE page:42 60"},
        "traced": {"choice": option(client, "traced", "(integer) -1", "second")},
    }


@pytest.fixture
def wrong(client):
    """A wrong answer to each question, as its form."""
    return {
        "in-order": placed(client, "in-order", SWAPPED),
        "in-pairs": placed(client, "in-pairs", CROSSED),
        "typed": {"value": "EXPIRE page:42"},
        "traced": {"choice": option(client, "traced", "(nil)", "second")},
    }


def send(client, question, form, **more):
    return client.post(f"{QUIZ}/{question}", data={**form, **more}, headers=HTMX)


KINDS = ("in-order", "in-pairs", "typed", "traced")
WHY = {
    "in-order": "the cache is filled last",
    "in-pairs": "None of the three writes a value.",
    "typed": "The time is in seconds",
    "traced": "removes the TTL",
}


def test_the_questions_are_asked_without_their_answers(client):
    page = client.get(QUIZ).text

    for secret in (*WHY.values(), "PEXPIRE", "data-verdict"):
        assert secret not in page
    for label in (
        "Put the steps in order · In the style of DVA-C02",
        "Find the pairs<",
        "Type the answer<",
        "Follow the commands<",
        "redis&gt;</i> SET page:42 a EX 60</span>",
        '<code class="reply">(integer) -1</code>',
    ):
        assert label in page


@pytest.mark.parametrize("question", KINDS)
def test_a_right_answer_is_explained(client, right, sql, question):
    response = send(client, question, right[question])

    assert response.status_code == 200
    assert told(response) == "Right"
    assert WHY[question] in in_words(response.text)
    assert 'data-verdict="chosen"' not in response.text
    assert sql('SELECT question, attempt_no, "right" FROM answer') == [(question, 1, True)]


@pytest.mark.parametrize("question", KINDS)
def test_a_wrong_answer_shows_what_is_right(client, wrong, sql, question):
    response = send(client, question, wrong[question])
    shown = in_words(card(response.text, question))

    assert told(response).startswith(
        {
            "in-order": "Not this order",
            "in-pairs": "1 of 3 right",
            "typed": "Not this answer",
            "traced": "Not this reply",
        }[question]
    )
    assert WHY[question] in shown
    for said in {
        "in-order": (
            "The right order:",
            "1st The app asks the cache. You put it 2nd.",
            "3rd The app asks the database. Your answer.",
        ),
        "in-pairs": (
            "GET page:42 reads a value You chose: deletes a key",
            "TTL page:42 says how long it stays Your answer.",
        ),
        "typed": (
            "EXPIRE page:42 Your answer.",
            "EXPIRE page:42 60 The right answer.",
            "Also right: PEXPIRE page:42 60000",
        ),
        "traced": ("(nil) Your answer. TTL answers", "(integer) -1 The right answer. A plain SET"),
    }[question]:
        assert said in shown
    assert 'data-verdict="chosen"' in response.text and 'data-verdict="right"' in response.text
    assert sql('SELECT "right" FROM answer') == [(False,)]


@pytest.mark.parametrize(
    "typed",
    [
        "expire page:42 60",
        "  EXPIRE   page:42\t60 ; ",
        "PEXPIRE page:42 60000;",
    ],
)
def test_case_blanks_and_a_semicolon_do_not_count(client, typed):
    assert told(send(client, "typed", {"value": typed})) == "Right"


@pytest.mark.parametrize(
    "typed", ["EXPIRE page:4260", "EXPIRE page:42 60 60", "EXPIRE;page:42 60", ";", "💥", "\ufffd"]
)
def test_all_else_counts(client, typed):
    assert told(send(client, "typed", {"value": typed})).startswith("Not this answer")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Type an answer."),
        (" ", "Type an answer."),
        ("x" * 201, "Type at most 200 characters."),
        ("a\x00b", "one character can’t be shown"),
        ("\u202eb", "one character can’t be shown"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(client, sql, typed, said):
    response = send(client, "typed", {"value": typed})

    assert response.status_code == 422
    assert said.replace("’", "&#39;") in response.text
    assert sql("SELECT count(*) FROM answer") == [(0,)]
    assert sql("SELECT count(*) FROM learner") == [(0,)]


def test_markup_that_is_typed_stays_text(client):
    response = send(client, "typed", {"value": "<script>alert(1)</script>"})

    assert "<script>" not in response.text and "&lt;script&gt;" in response.text


@pytest.mark.parametrize(
    ("question", "change", "said"),
    [
        ("in-order", {}, "Choose a place for each line: 4 lines have none yet."),
        (
            "in-order",
            {"The cache says no.": ""},
            "Choose a place for each line: 1 line has none yet.",
        ),
        (
            "in-order",
            {"The cache says no.": "1st"},
            "Choose another place for each step: you chose “1st” twice or more.",
        ),
        ("in-pairs", {}, "Choose an answer for each line: 3 lines have none yet."),
        (
            "in-pairs",
            {"GET page:42": "deletes a key"},
            "Use each answer once: you chose “deletes a key” twice or more.",
        ),
    ],
)
def test_rows_without_a_place_of_their_own_are_refused_and_stay(
    client, right, sql, question, change, said
):
    form = dict(right[question]) if change else {}
    rows = selects(card(client.get(QUIZ).text, question))
    for row, choice in change.items():
        form[rows[row][0]] = rows[row][1][choice] if choice else ""

    response = send(client, question, form)

    assert response.status_code == 422
    assert said in response.text
    assert response.text.count(" selected>") == sum(bool(value) for value in form.values())
    for name, (field, _) in selects(response.text).items():
        if value := form.get(field):
            after = response.text.split(f'name="{field}"')[1].split("</select>")[0]
            assert f'value="{value}" selected' in after, name
    assert sql("SELECT count(*) FROM answer") == [(0,)]
    assert sql("SELECT count(*) FROM learner") == [(0,)]


@pytest.mark.parametrize("form", [{"row-nothing": "1"}, {"row-": "1"}])
@pytest.mark.parametrize("question", ["in-order", "in-pairs"])
def test_a_row_that_is_not_of_the_question_is_refused(client, right, sql, question, form):
    response = send(client, question, {**right[question], **form})

    assert response.status_code == 422
    assert "This question has changed since you opened the page." in response.text
    assert sql("SELECT count(*) FROM answer") == [(0,)]


@pytest.mark.parametrize("question", ["in-order", "in-pairs"])
def test_a_choice_that_is_not_of_the_question_is_refused(client, right, question):
    form = dict.fromkeys(right[question], "9")

    assert "This question has changed" in send(client, question, form).text


def test_without_a_script_a_refused_form_is_the_whole_page(client):
    response = client.post(f"{QUIZ}/in-order", data={})

    assert response.status_code == 422
    assert "<html" in response.text and "Choose a place for each line" in response.text


@pytest.mark.parametrize("question", KINDS)
def test_in_the_text_of_a_lesson_the_card_is_the_same(client, other, right, question):
    """It is rendered once for all, with gaps for what differs."""
    for browser in (client, other):
        browser.post("/lessons/second/progress", data={"section": "only-this"})
    pages = [browser.get("/lessons/second").text for browser in (client, other, client)]

    for page in pages:
        shown = card(page, question)
        assert "\x02" not in shown and "data-verdict" not in shown
    if question in ("in-order", "in-pairs"):
        wanted = STEPS if question == "in-order" else PAIRS
        assert placed(client, question, wanted, pages[0]) == right[question]
        in_the_quiz = selects(card(client.get(QUIZ).text, question))
        assert list(selects(card(pages[0], question))) == list(in_the_quiz)

    response = send(client, question, right[question], **{"from": "lesson"})

    assert told(response) == "Right"
    assert WHY[question] in in_words(card(client.get("/lessons/second").text, question))
    assert "data-verdict" not in card(other.get("/lessons/second").text, question)


@pytest.mark.parametrize("question", KINDS)
def test_answering_twice_is_two_attempts_and_the_right_one_counts(
    client, right, wrong, sql, question
):
    send(client, question, wrong[question])
    again = client.get(f"{QUIZ}/{question}", headers=HTMX)
    assert "<form" in again.text and WHY[question] not in in_words(again.text)

    assert "Attempt 2" in send(client, question, right[question]).text
    send(client, question, wrong[question])

    assert sql('SELECT "right" FROM answer ORDER BY attempt_no') == [(False,), (True,), (False,)]
    assert words(client.get(QUIZ).text) == "1 of 1 right, 4 to go"


def test_the_end_says_what_was_missed_of_each_kind(client, wrong):
    send(client, "alone", {"value": "2"})
    for question in KINDS:
        page = send(client, question, wrong[question]).text

    assert words(page) == "1 of 5 right Your result"
    assert boxes(page) == ["right", "wrong", "wrong", "wrong", "wrong"]
    end = in_words(page[page.index("end-card") :])
    for said in (
        "Right: The app asks the cache; The cache says no; The app asks the database; "
        "The app fills the cache with SET.",
        "Right: GET page:42 – reads a value. You chose: deletes a key.",
        "Right: DEL page:42 – deletes a key. You chose: reads a value.",
        "Right: EXPIRE page:42 60 You typed: EXPIRE page:42",
        "Right: (integer) -1 You chose: (nil)",
    ):
        assert said in end
    assert client.get(f"{QUIZ}?again=missed").text.count("<form") == len(KINDS)


def test_the_steps_are_never_shown_in_the_right_order():
    lesson = load(ROOT / "tests/samples/lessons").lessons["second"]
    order, match = lesson.question("in-order"), lesson.question("in-pairs")
    assert order and match
    orders = set()

    for learner in range(300):
        for attempts in range(3):
            shown = rows_in_order(order, str(learner), attempts)
            assert shown != list(order.rows)
            assert set(shown) == set(order.rows)
            assert shown == rows_in_order(order, str(learner), attempts)
            orders.add(tuple(row.key for row in shown))
            sides = choices_in_order(match, str(learner), attempts)
            lines = rows_in_order(match, str(learner), attempts)
            assert [row.belongs for row in lines] != [side.key for side in sides]
            assert len(in_order(match, str(learner), attempts)) == 0

    assert len(orders) == 23
    assert choices_in_order(order, "0", 1) == list(order.choices)
