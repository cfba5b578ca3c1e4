"""The course page, the lessons, and what is remembered of a reader."""

from __future__ import annotations

import re


def test_the_course_lists_every_lesson_and_links_the_written_ones(client):
    page = client.get("/").text

    assert "The first lesson" in page and "The third lesson" in page
    assert 'href="/lessons/first"' in page
    assert "/lessons/third" not in page
    assert "coming" in page


def test_the_ruler_shows_what_was_measured_without_inline_style(client):
    page = client.get("/").text

    assert "One read, four places" in page
    assert re.search(r'class="value">60 <small>µs', page)
    assert re.search(r'class="value">642 <small>ms', page)
    assert "4,250 times" in page
    assert "style=" not in page


def test_a_lesson_shows_its_blocks(client):
    page = client.get("/lessons/first").text

    assert '<p class="question">Who asks <em>the database</em>?</p>' in page
    assert '<svg viewBox="0 0 100 40" role="img" aria-label="A circle beside a line.">' in page
    assert '<i class="mark hit" aria-hidden="true"></i>hit</span>' in page
    assert "0.189&nbsp;ms" in page
    assert "since November 2026" in page
    assert "Who asks the database?" in page
    assert "How many queries does the database see?" in page
    assert '<ol class="remember">' in page


def test_a_lesson_keeps_the_instructors_note_to_itself(client):
    assert "Nobody but the instructor" not in client.get("/lessons/first").text


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


def test_the_course_page_goes_on_where_the_reader_stopped(client):
    client.post("/lessons/first/progress", data={"section": "the-beginning"})

    page = client.get("/").text

    assert "Where you stopped" in page
    assert 'href="/lessons/first#the-beginning"' in page
    assert 'aria-current="true"' in page


def test_reading_to_the_end_is_seen_at_once(client):
    client.get("/")
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    client.get("/")

    response = client.post("/lessons/first/read")

    assert response.status_code == 303
    assert "You have read this lesson." in client.get(response.location).text
    assert "Lesson 1, read." in client.get("/").text


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

    assert "1 of 2 checks" in client.get("/").text


def test_a_learner_sees_only_their_own_progress(client, other):
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    other.post("/lessons/second/progress", data={"section": "only-this"})

    assert 'id="resume">The second lesson' in other.get("/").text
    assert 'id="resume">The first lesson' in client.get("/").text
