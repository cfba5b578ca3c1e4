"""The course page, the lessons, and what is remembered of a reader."""

from __future__ import annotations

import re

from labs.client import catalogue
from tests.waiting import eventually
from tests.web.quiz_pages import PAIRS, STEPS, option, placed


def test_the_course_links_the_written_lessons_and_names_the_others_in_one_line(client):
    page = client.get("/").text

    assert 'href="/lessons/first"' in page
    assert "/lessons/third" not in page
    assert page.count('class="course-row"') == 2
    assert "Coming: The third lesson." in page


def test_the_start_page_says_what_this_is_for_whom_and_what_it_takes(client):
    page = client.get("/").text

    assert "ElastiCache is the AWS service" in page
    assert "people who prepare for an AWS exam" in page
    assert "No AWS account, no sign-up, no cost." in page
    assert f"2 lessons and {len(catalogue())} labs, about " in page


def test_a_newcomer_begins_with_the_first_lesson(client):
    page = client.get("/").text

    assert page.count("button primary") == 1
    assert 'href="/lessons/first">Begin lesson 1</a>' in page
    assert "The first lesson, 1 min to read." in page
    assert 'aria-current="true"' not in page


def test_the_puzzle_begins_with_an_order_that_was_played_and_hides_the_others(client):
    page = client.get("/").text

    assert "3 of the 20 orders leave a stale price in the cache" in page
    assert page.count("data-order=") == 20
    assert page.count("data-tried") == 1
    assert 'href="/labs/write-through-race?order=AAABBB"' in page
    assert re.search(r"real servers on <time datetime=\"20\d\d-\d\d-\d\d\">", page)
    assert "style=" not in page


def test_a_lesson_shows_its_blocks(client):
    page = client.get("/lessons/first").text

    assert '<p class="question">Who asks <em>the database</em>?</p>' in page
    assert '<svg viewBox="0 0 100 40" role="img" aria-label="A circle next to a line.">' in page
    assert '<i class="mark hit" aria-hidden="true"></i>hit</span>' in page
    assert "0.189&nbsp;ms" in page
    assert "since November 2026" in page
    assert "Who asks the database?" in page
    assert "How many queries does the database see?" in page
    assert '<ol class="remember">' in page


def test_a_lesson_names_its_labs_by_their_titles(client):
    page = client.get("/lessons/first").text

    assert '<span class="label">A sample</span>' in page
    assert "The bench: A sample" in page
    assert re.findall(r">\s*sample-lab\s*<", page) == []


def test_a_lesson_keeps_the_instructors_note_to_itself(client):
    assert "Only the instructor reads" not in client.get("/lessons/first").text


def test_a_lesson_that_is_not_written_is_not_found(client):
    assert client.get("/lessons/third").status_code == 404
    assert client.get("/lessons/nowhere").status_code == 404


def test_looking_makes_no_learner(client, sql):
    for path in ("/", "/lessons/first", "/lessons/first/quiz", "/me"):
        assert "Set-Cookie" not in client.get(path).headers

    assert sql("SELECT count(*) FROM learner") == [(0,)]


def test_progress_keeps_the_furthest_section(client, sql, learner_of):
    for section in ("the-beginning", "the-end", "the-beginning"):
        assert client.post("/lessons/first/progress", data={"section": section}).status_code == 204

    assert sql("SELECT learner_id, lesson, section FROM progress") == [
        (learner_of(client), "first", "the-end")
    ]


def test_progress_in_a_section_that_is_not_there_is_refused(client, sql):
    assert client.post("/lessons/first/progress", data={"section": "nowhere"}).status_code == 422
    assert client.post("/lessons/first/progress").status_code == 422
    assert sql("SELECT count(*) FROM learner") == [(0,)]


def button(page):
    """Where the one primary button leads, and its words."""
    [found] = re.findall(r'class="button primary large" href="([^"]+)">([^<]+)</a>', page)
    return found


def test_the_course_page_goes_on_where_the_reader_stopped(client):
    client.post("/lessons/first/progress", data={"section": "the-beginning"})

    page = client.get("/").text

    assert button(page) == ("/lessons/first#the-beginning", "Go on: lesson 1")
    assert "The first lesson, 1 min left to read." in page
    assert 'aria-current="true"' in page


def test_reading_to_the_end_is_seen_at_once(client):
    client.get("/")
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    client.get("/")

    response = client.post("/lessons/first/read")

    assert response.status_code == 303
    assert "You have read this lesson." in client.get(response.location).text
    page = client.get("/").text
    assert button(page) == ("/lessons/first/quiz", "Go on: lesson 1")
    assert re.search(r"The first lesson: read. 0 of \d+ questions right.", page)


def test_the_end_answers_htmx_with_the_fragment(client):
    response = client.post("/lessons/first/read", headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert "<html" not in response.text
    assert "You have read this lesson." in response.text


def test_the_outcomes_of_the_lab_count_as_checks(client, sql, learner_of):
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    sql(
        "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES ('o1', "
        "%s, 'sample-lab', 'check', 'first', 'met', '{}', now())",
        learner_of(client),
    )

    assert '>1 of 2<span class="visually-hidden"> checks met</span>' in client.get("/").text


def test_a_bench_that_is_open_is_named_with_its_progress(client, labs_host):
    client.post("/labs/sample-lab/sandbox")

    page = client.get("/").text

    assert 'Your bench is open: <a href="/labs/sample-lab">A sample</a>, 0 of 2 checks met.' in page


def test_the_step_that_waits_on_an_open_bench_is_named(client, labs_host):
    client.post("/labs/cache-aside/sandbox")

    eventually(lambda: "Check 1 of 5 · Read item 42." in client.get("/").text)
    assert '<span class="count">Check 1 of 5 · </span>' in client.get("/labs/cache-aside").text


def learn_the_second(client):
    client.post("/lessons/second/progress", data={"section": "here"})
    client.post("/lessons/second/read")
    client.post("/lessons/second/quiz/alone", data={"value": "2"})
    for question, wanted in (("in-order", STEPS), ("in-pairs", PAIRS)):
        client.post(f"/lessons/second/quiz/{question}", data=placed(client, question, wanted))
    client.post("/lessons/second/quiz/typed", data={"value": "EXPIRE page:42 60"})
    reply = option(client, "traced", "(integer) -1", "second")
    client.post("/lessons/second/quiz/traced", data={"choice": reply})


def test_after_a_lesson_that_is_learned_the_next_one_waits(client):
    learn_the_second(client)

    page = client.get("/").text

    assert button(page) == ("/lessons/first", "Go on: lesson 1")
    assert "The first lesson, 1 min to read." in page
    assert re.search(r'class="has"><svg.*?</svg>Read</span>', page)


def test_a_learner_sees_only_their_own_progress(client, other):
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    other.post("/lessons/second/progress", data={"section": "here"})

    assert button(other.get("/").text)[1] == "Go on: lesson 2"
    assert button(client.get("/").text)[1] == "Go on: lesson 1"
