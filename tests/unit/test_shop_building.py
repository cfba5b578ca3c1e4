"""Where the shop's template is built: what a build that was killed leaves is removed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from labs.shop import building

BUILDER = """
import sys, time
from pathlib import Path
from labs.shop import building

with building.alone(Path(sys.argv[1])) as lock, building.room(lock) as room:
    (room / "data").mkdir()
    (room / "data" / "PG_VERSION").write_text("15")
    print(room, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "template"


@pytest.fixture
def builder(target):
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER, target], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()
        process.wait()
        building.remove_unfinished(target)


@pytest.fixture
def working(builder):
    room = Path(builder.stdout.readline().strip())
    assert room.is_dir()
    return room


def test_a_build_that_runs_is_left_alone(target, working):
    building.remove_unfinished(target)

    assert (working / "data" / "PG_VERSION").exists()


def test_what_a_killed_build_left_is_removed(target, builder, working):
    builder.kill()
    builder.wait()
    assert working.exists()

    building.remove_unfinished(target)

    assert not working.exists()


def test_the_next_build_removes_it_too(target, builder, working):
    builder.kill()
    builder.wait()

    with building.alone(target) as lock, building.room(lock) as room:
        assert not working.exists()
        assert room.is_dir()

    assert not room.exists()


def test_one_that_was_killed_before_it_made_its_directory_is_no_fault(target):
    with building.alone(target) as lock:
        lock.write(f"/tmp/cg-shop-{time.time_ns()}")

    building.remove_unfinished(target)

    assert Path(target.parent, ".template.lock").read_text() == ""


def test_without_a_build_nothing_is_made(target):
    building.remove_unfinished(target)

    assert list(target.parent.iterdir()) == []
