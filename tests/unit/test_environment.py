"""What we start has what it needs in its environment, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labs.engines import binaries
from labs.environment import for_python, forget_foreign

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {
    "PGHOST": "nowhere",
    "PGPORT": "6543",
    "PGSERVICE": "other",
    "PGOPTIONS": "-c x=y",
    "PGSSLMODE": "verify-full",
    "PGUSER": "other",
    "PGPASSFILE": "/nowhere",
    "REDISCLI_AUTH": "other",
    "LD_PRELOAD": "/nowhere.so",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTHONSTARTUP": "/nowhere",
    "GUNICORN_CMD_ARGS": "--workers 9",
    "FLASK_DEBUG": "1",
    "FLASK_APP": "other",
    "MALLOC_ARENA_MAX": "1",
    "HTTP_PROXY": "http://nowhere",
    "TZ": "Nowhere/Land",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


@pytest.fixture
def foreign(monkeypatch):
    """The environment of a shell of another project."""
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LC_ALL", "xx_YY.nonsense")


def test_nothing_foreign_reaches_a_server_or_a_program_of_ours(foreign):
    for environment in (binaries.server_environment(), for_python()):
        assert environment.keys() & FOREIGN.keys() == set()
        assert environment["LC_ALL"] == "C.UTF-8"


def test_a_program_of_ours_gets_the_settings_that_it_is_to_have_and_no_other(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://host")
    monkeypatch.setenv("DATABASE_URL", "postgresql:///name")

    assert for_python(["REDIS_URL"])["REDIS_URL"] == "redis://host"
    assert "DATABASE_URL" not in for_python(["REDIS_URL"])


def test_a_python_of_ours_starts_whatever_the_shell_had_set(foreign):
    ended = subprocess.run(
        [sys.executable, "-c", "import os, sys; print(sorted(os.environ), sys.flags.utf8_mode)"],
        env=for_python(),
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0 and ended.stderr == ""


def test_a_program_of_ours_forgets_what_is_foreign(foreign, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql:///name")

    forget_foreign(["DATABASE_URL"])

    assert os.environ.keys() & FOREIGN.keys() == set()
    assert os.environ["DATABASE_URL"] == "postgresql:///name"
    assert os.environ["PATH"]


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("CACHEGROUND_POOL", "two", "CACHEGROUND_POOL"),
        ("CACHEGROUND_ROOM", "-1", "CACHEGROUND_ROOM"),
        ("CACHEGROUND_ISOLATION", "walls", "CACHEGROUND_ISOLATION"),
        ("REDIS_URL", "redis://:s3cr3t/x@host", "REDIS_URL"),
        ("REDIS_URL", "", "REDIS_URL is missing"),
    ],
)
def test_a_labs_host_that_is_started_by_itself_names_what_is_wrong(tmp_path, variable, value, word):
    ended = subprocess.run(
        [sys.executable, "-m", "labs.host", "--state", str(tmp_path / "state")],
        env={**for_python(), "REDIS_URL": "redis://host", variable: value},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ended.returncode != 0 and word in ended.stderr
    assert "Traceback" not in ended.stderr and "s3cr3t" not in ended.stderr
    assert not (tmp_path / "state").exists()
