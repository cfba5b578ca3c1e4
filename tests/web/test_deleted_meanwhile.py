"""A learner has everything deleted while another request of the same browser writes: a plain
answer, and the learner's id in no log.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from portal.models import Progress
from portal.models.learner import new_id
from portal.patterns.flights import sample_flight
from portal.recorder import _row
from portal.web.caching import Cache, summary_name
from portal.web.services import db
from tests.waiting import eventually
from tests.web.quiz_pages import option

QUIZ = "/lessons/first/quiz"


@pytest.fixture
def begun(client, host, learner_of):
    """The client's learner, with an open bench whose flight can be shared."""
    client.post("/lessons/first/progress", data={"section": "the-end"})
    host.open(learner_of(client), "sample-lab")
    host.answers["record"] = lambda _: {"reply": {"record": sample_flight("kill")}}
    host.answers["measure"] = lambda _: {"reply": {"value": 1.0, "shown": "1 query"}}
    return learner_of(client)


WRITES = {
    "a section": ("/lessons/first/progress", {"section": "the-end"}),
    "a lesson": ("/lessons/first/read", {}),
    "a number": (f"{QUIZ}/a-number", {"value": "12.5"}),
    "a choice": (f"{QUIZ}/one-of-three", {"choice": "AWS"}),
    "a measured answer": (f"{QUIZ}/a-measure", {"value": "1", "confidence": "fairly"}),
    "a prediction": (
        "/labs/sample-lab/predictions/queries",
        {"value": "1", "confidence": "fairly"},
    ),
    "a recovery link": ("/me/recovery", {}),
    "a flight": ("/sandboxes/5a9d/records/flight-1/share", {}),
}


def form_of(client, name):
    """The path and the fields of a write; a choice by the key that its option has today."""
    path, data = WRITES[name]
    if "choice" in data:
        data = {"choice": option(client, "one-of-three", data["choice"])}
    return path, data


def waits(sql) -> bool:
    """True while a request waits for a lock in Postgres."""
    found = sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(found[0][0])


def logged(caplog) -> str:
    form = logging.Formatter("%(name)s %(message)s")
    return "\n".join(form.format(record) for record in caplog.records)


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_write_that_waits_for_the_deletion_is_answered_in_words(
    client, begun, sql, postgres, caplog, name
):
    path, data = form_of(client, name)

    with (
        psycopg.connect(postgres.url.replace("+psycopg", "")) as deleting,
        ThreadPoolExecutor(1) as pool,
    ):
        deleting.execute("DELETE FROM learner WHERE id = %s", [begun])
        answer = pool.submit(client.post, path, data=data)
        eventually(lambda: waits(sql) or answer.done(), what="the request")
        deleting.commit()
        response = answer.result()

    assert response.status_code == 409
    assert "was deleted a moment ago" in response.text
    assert begun not in logged(caplog)
    assert begun not in (postgres.folder / "postgres.log").read_text()


@pytest.mark.parametrize("path", [f"{QUIZ}/a-measure", "/labs/sample-lab/predictions/queries"])
def test_a_learner_who_is_deleted_while_it_is_measured_gets_words(
    client, begun, host, sql, postgres, caplog, path
):
    def measured(_):
        sql("DELETE FROM learner WHERE id = %s", begun)
        return {"reply": {"value": 1.0, "shown": "1 query"}}

    host.answers["measure"] = measured

    response = client.post(path, data={"value": "1", "confidence": "fairly"})

    assert response.status_code == 409
    assert "was deleted a moment ago" in response.text
    assert begun not in logged(caplog)
    assert begun not in (postgres.folder / "postgres.log").read_text()


def test_everything_at_once_next_to_a_deletion(app, client, begun, learner_of, postgres, caplog):
    cookie = client.get_cookie("learner").value
    start = threading.Barrier(len(WRITES) + 1)
    forms = [form_of(client, name) for name in sorted(WRITES)]

    def send(path, data):
        browser = app.test_client()
        browser.set_cookie("learner", cookie)
        start.wait()
        answers = [browser.post(path, data=data).status_code for _ in range(4)]
        return [(path, status) for status in answers if status >= 500]

    for _ in range(4):
        with ThreadPoolExecutor(len(forms) + 1) as pool:
            results = [pool.submit(send, *form) for form in forms]
            results.append(pool.submit(send, "/me/delete", {"sure": "yes"}))
            assert [fault for result in results for fault in result.result()] == []
        client.post("/lessons/first/progress", data={"section": "the-end"})
        cookie = client.get_cookie("learner").value

    assert begun not in logged(caplog)
    assert learner_of(client) not in logged(caplog)
    assert begun not in (postgres.folder / "postgres.log").read_text()


def test_an_error_of_the_database_names_no_learner(app, caplog):
    learner = new_id()
    with app.app_context(), pytest.raises(IntegrityError) as caught:
        db().execute(insert(Progress).values(learner_id=learner, lesson="first"))

    with caplog.at_level(logging.ERROR):
        logging.getLogger("test").error("said", exc_info=caught.value)
    assert "violates foreign key constraint" in logged(caplog)
    assert learner not in logged(caplog)


def test_the_log_of_the_portal_s_own_postgres_names_no_learner(embedded_postgres, server_folder):
    learner = new_id()
    with psycopg.connect(embedded_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS someone (id text PRIMARY KEY)")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            connection.execute("INSERT INTO someone VALUES (%s), (%s)", [learner, learner])
        connection.execute("DROP TABLE someone")

    assert learner in str(caught.value)
    log = server_folder / "postgres.log"
    assert eventually(lambda: "duplicate key value" in log.read_text())
    assert learner not in log.read_text()


def test_what_is_left_out_by_the_recorder_and_the_cache_names_no_learner(caplog, portal_redis):
    learner = new_id()
    portal_redis.set(f"cache:{summary_name(learner)}", "{")

    Cache(portal_redis).get(summary_name(learner), dict, ttl_s=1)
    assert _row({"id": "o1", "owner": learner * 2}) is None

    assert "nonsense in the cache at history" in logged(caplog)
    assert "its owner is no name" in logged(caplog)
    assert learner not in logged(caplog)
