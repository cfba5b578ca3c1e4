"""Engines are found where this machine has them, a foreign postgres on PATH is not one of them."""

import pytest

from labs.engines import binaries
from labs.errors import DidNotStart


def program(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.delenv("CACHEGROUND_ENGINES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(binaries, "_SYSTEM", tmp_path / "system")
    return tmp_path


def test_the_unpacked_packages_come_first(nowhere, monkeypatch):
    program(nowhere / "path", "redis-server")
    own = program(nowhere / "engines/usr/bin", "redis-server")
    (nowhere / "engines/usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    monkeypatch.setenv("CACHEGROUND_ENGINES", str(nowhere / "engines"))

    assert binaries.find("redis-server") == own
    assert (
        str(nowhere / "engines/usr/lib/x86_64-linux-gnu")
        in binaries.environment()["LD_LIBRARY_PATH"]
    )


def test_without_unpacked_packages_nothing_is_added_to_the_environment(nowhere):
    assert binaries.environment() == {}


def test_a_lone_postgres_on_path_is_not_taken(nowhere):
    program(nowhere / "path", "postgres")

    with pytest.raises(DidNotStart) as caught:
        binaries.find("postgres")

    assert "apt-get install" in caught.value.hint


def test_the_distributions_postgres_wins_over_path_and_the_newest_over_all(nowhere):
    for folder in ("path", "system/9/bin", "system/15/bin"):
        program(nowhere / folder, "postgres")
        program(nowhere / folder, "initdb")

    assert binaries.find("postgres") == nowhere / "system/15/bin/postgres"


def test_versions_are_what_the_programs_tell(nowhere):
    program(nowhere / "path", "redis-server").write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo 'Redis server v=7.0.15 sha=00000000:0 "
        "malloc=jemalloc-5.3.0 bits=64'\n"
    )
    program(nowhere / "path", "memcached").write_text("#!/bin/sh\nexit 1\n")

    assert binaries.versions() == {"redis": "7.0.15"}
