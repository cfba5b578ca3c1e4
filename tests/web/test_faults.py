"""What still works when Postgres or the portal Redis is away, slow or empty."""

from __future__ import annotations

import json
import time

import pytest

from portal.settings import Settings
from tests.waiting import eventually

HTMX = {"HX-Request": "true"}
PAGES = ("/", "/lessons/first", "/lessons/second", "/lessons/first/quiz")


@pytest.fixture
def known(client):
    """A browser with progress."""
    client.post("/lessons/first/progress", data={"section": "the-beginning"})
    client.get("/")
    return client


@pytest.fixture
def without_postgres(postgres):
    postgres.go_away()
    yield
    postgres.come_back()


@pytest.fixture
def hanging_redis(redis_server):
    redis_server.hang()
    yield
    redis_server.go_on()


@pytest.fixture
def without_redis(redis_server):
    redis_server.go_away()
    yield
    redis_server.come_back()


@pytest.mark.parametrize("path", PAGES)
def test_lessons_are_read_without_postgres(known, without_postgres, path):
    assert known.get(path).status_code == 200


def test_without_postgres_an_answer_stays_in_its_form_and_nothing_says_saved(
    known, without_postgres
):
    response = known.post("/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX)

    assert response.status_code == 503
    assert 'value="12.5"' in response.text and "was not kept" in response.text
    assert "Right." not in response.text and "Because the rest are hits." not in response.text


def test_without_postgres_and_a_script_the_answer_stays_on_the_page(known, without_postgres):
    response = known.post("/lessons/first/quiz/a-number", data={"value": "12.5"})

    assert response.status_code == 503
    assert "<html" in response.text and 'value="12.5"' in response.text


@pytest.mark.parametrize("path", ["/me", "/recover/some-token"])
def test_what_needs_postgres_says_when_to_come_back(known, without_postgres, path):
    response = known.get(path)

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"


def test_the_portal_recovers_when_postgres_is_back(known, postgres):
    postgres.go_away()
    try:
        assert (
            known.post(
                "/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX
            ).status_code
            == 503
        )
    finally:
        postgres.come_back()

    assert (
        known.post("/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX).status_code
        == 200
    )


@pytest.mark.parametrize("path", [*PAGES, "/me", "/labs", "/labs/sample-lab"])
def test_every_page_is_shown_without_redis(known, without_redis, path):
    assert known.get(path).status_code == 200


def test_answers_are_kept_without_redis(known, without_redis, sql):
    assert (
        known.post("/lessons/first/quiz/a-number", data={"value": "12.5"}, headers=HTMX).status_code
        == 200
    )
    assert sql("SELECT count(*) FROM answer") == [(1,)]


@pytest.mark.parametrize("path", [*PAGES, "/me", "/labs/sample-lab"])
def test_a_redis_that_hangs_keeps_no_page_away(known, hanging_redis, path):
    assert known.get(path).status_code == 200


def test_after_one_failure_a_hanging_redis_is_left_alone_for_a_while(known, hanging_redis, caplog):
    for _ in range(6):
        known.get("/")

    # A page asks it twice; on a busy machine six pages may take longer than the while.
    assert 1 <= caplog.text.count("the portal's cache is away") <= 3


def test_emptying_redis_loses_nothing(known, portal_redis):
    portal_redis.flushall()

    assert "Go on: lesson 1" in known.get("/").text


def test_nonsense_in_the_cache_is_an_empty_cache(known, portal_redis, learner_of):
    portal_redis.set(f"cache:progress:{learner_of(known)}", "{not json")

    assert "Go on: lesson 1" in known.get("/").text


WELL = {"web": "up", "database": "up", "redis": "up", "labs": "up", "disk": "up"}


def health(client):
    response = client.get("/healthz?deep=1")
    return response.status_code, response.json


def test_health_tells_of_what_is_away(client, without_redis):
    assert client.get("/healthz").status_code == 200
    assert health(client) == (503, WELL | {"redis": "away", "labs": "away"})


def test_health_is_well_when_all_is_well(client, labs_host):
    assert health(client) == (200, WELL)


def test_health_tells_of_labs_that_are_away(client, labs_host):
    labs_host.vanish()

    eventually(lambda: health(client) == (503, WELL | {"labs": "away"}))


def test_health_tells_of_labs_that_can_open_no_bench(client, portal_redis):
    about = {"isolation": "cage", "versions": {}, "open": 1, "room": 9, "queued": 0}
    now = {"at": time.time(), "ready": False}
    portal_redis.hset("labs:hosts", "here", json.dumps(about | now))

    assert health(client) == (503, WELL | {"labs": "degraded"})


def test_settings_are_named_when_they_are_missing():
    from portal.settings import SettingsError

    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(
            {"REDIS_URL": "http://x", "SECRET_KEY": "short", "TRUSTED_PROXIES": "many"}
        )

    for name in ("DATABASE_URL is missing", "REDIS_URL: ", "SECRET_KEY: ", "TRUSTED_PROXIES: "):
        assert name in str(caught.value)
    assert "short" not in str(caught.value)


def test_settings_are_read_as_they_stand():
    settings = Settings.from_environment(
        {
            "DATABASE_URL": "postgresql:///portal",
            "REDIS_URL": "unix:///run/redis.sock",
            "SECRET_KEY": "0" * 32,
            "TRUSTED_HOSTS": "a.example, .b.example",
        }
    )

    assert settings.database_url == "postgresql:///portal"
    assert settings.secret_key == "0" * 32
    assert settings.trusted_hosts == ("a.example", ".b.example")
    assert "0" * 32 not in repr(settings)
