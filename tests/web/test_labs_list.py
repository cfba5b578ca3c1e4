"""The list of labs: their order, their progress and their lessons."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labs.client import catalogue
from portal.app import create_app
from portal.settings import ROOT, Settings
from tests.web.faked_labs import FakedLabs

Meet = Callable[[str], None]


@pytest.fixture
def meet(
    client: FlaskClient, sql: Callable[..., object], learner_of: Callable[[FlaskClient], str]
) -> Meet:
    """Have the client meet a check of the sample lab."""

    def met(check: str) -> None:
        client.post("/lessons/first/progress", data={"section": "the-beginning"})
        sql(
            "INSERT INTO outcome (id, learner_id, lab, kind, name, status, data, at) VALUES (%s, "
            "%s, 'sample-lab', 'check', %s, 'met', '{}', now())",
            *(check, learner_of(client), check),
        )
        client.post("/lessons/first/progress", data={"section": "the-beginning"})

    return met


def names_in(page: str) -> list[str]:
    return re.findall(r'<h2><a href="/labs/([a-z-]+)"', page)


def test_the_labs_of_the_lessons_come_first(client: FlaskClient) -> None:
    page = client.get("/labs").text

    names = names_in(page)
    assert names[0] == "sample-lab"
    assert len(names) == len(set(names)) == len(catalogue())
    assert 'Lesson 1, <a href="/lessons/first">The first lesson</a>' in page


def test_the_real_labs_stand_in_the_order_of_the_real_course(
    app: Flask, settings: Settings
) -> None:
    real = create_app(replace(settings, lessons=ROOT / "lessons"))

    page = real.test_client().get("/labs").text

    assert names_in(page)[:3] == ["database-relief", "cache-aside", "write-through"]
    assert "connect-your-code" not in page
    assert "create-cluster" not in page
    assert re.search(r'class="coming">\d+ more labs are coming\.', page)


def test_a_lab_shows_how_many_of_its_checks_were_met(client: FlaskClient, meet: Meet) -> None:
    meet("first")
    meet("one that the lab no longer has")

    page = client.get("/labs").text

    assert '<span>1 of 2<span class="visually-hidden"> checks met</span></span>' in page
    assert 'class="has"' not in page


def test_a_lab_with_every_check_met_has_a_tick(client: FlaskClient, meet: Meet) -> None:
    meet("first")
    meet("second")

    page = client.get("/labs").text

    assert page.count('class="has"') == 1
    assert '</svg>2 of 2<span class="visually-hidden"> checks met</span>' in page


def test_a_lab_leads_to_its_lesson_but_not_next_to_it(
    client: FlaskClient, labs_host: FakedLabs
) -> None:
    link = 'Lab of lesson 1, <a href="/lessons/first">The first lesson</a>'

    assert link in client.get("/labs/sample-lab").text
    assert link not in client.get("/lessons/first").text
    assert link not in client.get("/labs/sample-lab/bench?on=lesson").text
    assert "Lab of lesson" not in client.get("/labs/cache-aside").text
