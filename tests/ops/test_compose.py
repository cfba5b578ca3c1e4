"""docker-compose.yml is valid and says what the documentation promises."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "var/tools/docker-compose"


@pytest.fixture
def composed(needs):
    needs(COMPOSE.exists(), "Docker Compose (scripts/test fetches it)")
    ended = subprocess.run(
        [COMPOSE, "-f", ROOT / "docker-compose.yml", "config", "--format", "json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_it_has_every_part_of_the_site(composed):
    assert set(composed["services"]) == {
        "web",
        "labs",
        "recorder",
        "migrate",
        "postgres",
        "redis",
        "memcached",
    }


def test_only_the_web_is_published_and_only_to_this_machine(composed):
    published = {
        name: service["ports"]
        for name, service in composed["services"].items()
        if service.get("ports")
    }

    assert set(published) == {"web"}
    assert [(port["host_ip"], port["published"], port["target"]) for port in published["web"]] == [
        ("127.0.0.1", "8000", 8000)
    ]


def test_ours_have_no_privileges_they_do_not_need(composed):
    for name in ("web", "recorder", "migrate", "labs"):
        service = composed["services"][name]
        assert (
            service["cap_drop"] == ["ALL"]
            and service["security_opt"] == ["no-new-privileges:true"]
            and service["init"] is True
        )
    assert all(composed["services"][name]["read_only"] for name in ("web", "recorder", "migrate"))
    assert "privileged" not in json.dumps(composed)


def test_the_labs_know_neither_the_database_nor_the_secret(composed):
    assert set(composed["services"]["labs"]["environment"]) == {
        "REDIS_URL",
        "CACHEGROUND_ISOLATION",
    }


def test_the_labs_do_not_reach_the_database(composed):
    networks = {name: set(service["networks"]) for name, service in composed["services"].items()}

    assert not networks["labs"] & (networks["postgres"] | networks["web"])
    assert networks["labs"] & networks["redis"] and networks["web"] & networks["redis"]
    assert all(composed["networks"][name]["internal"] for name in networks["labs"])


def test_every_file_that_an_image_copies_or_runs_is_there():
    dockerfile = (ROOT / "Dockerfile").read_text()

    for path in (
        "requirements.lock",
        "docker/with-secret.sh",
        "portal/serve/gunicorn_settings.py",
        "portal/wsgi.py",
        "labs/host/__main__.py",
    ):
        assert (ROOT / path).exists()
    assert "requirements.lock" in dockerfile and "docker/with-secret.sh" in dockerfile
