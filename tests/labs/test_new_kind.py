"""A new kind of lab touches one folder: with an engine, a part and a workload of its own it has its
page, command, console, load and run, and no file of the project was changed for it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs.headless import own_supervisor

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests/samples/new_kind/tally"

PAGE = """
from portal.bench.view import Bench
from portal.bench.words import engine_words, for_scripts
from portal import drawing
from labs.client import catalogue
lab = catalogue()["tally"]
plan = drawing.wide(lab.topology)
print([box.node.name for box in plan.boxes])
print(engine_words("tally", "1.0"), for_scripts()["engines"]["tally"])
print([node.name for node in lab.topology.servers if node.has_console])
"""


@pytest.fixture(scope="module")
def folder(server_folder):
    """A folder of labs that only CACHEGROUND_LABS names; sandboxes of other users can read it."""
    labs = server_folder / "labs-of-a-new-kind"
    shutil.copytree(SAMPLE, labs / "tally")
    return labs


@pytest.fixture(scope="module")
def run(folder):
    """Runs a Python command of the project with the folder named."""

    def call(*words):
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "CACHEGROUND_LABS": str(folder), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


def test_no_file_of_the_project_knows_it():
    for place in ("labs", "portal", "templates", "static", "scripts"):
        for path in (ROOT / place).rglob("*"):
            if path.suffix in {".py", ".js", ".html", ".css"}:
                assert "tally-" not in path.read_text() and '"tally"' not in path.read_text(), path


def test_it_is_listed_and_its_reference_run_meets_its_check(run):
    listed = json.loads(run("-m", "labs", "list", "--json").stdout)
    assert "tally" in [lab["id"] for lab in listed]

    played = run("-m", "labs", "run", "tally", "--json")
    assert played.returncode == 0, played.stderr
    result = json.loads(played.stdout)
    assert result["versions"] == {"tally": "1.0"}
    assert result["measurements"] == {"added": 100}
    assert [check["evidence"] for check in result["checks"]] == [{"added": 100, "counted": 100}]


@pytest.mark.parametrize("mutant", ["counts-twice", "restarts"])
def test_its_mutants_are_caught(run, mutant):
    assert run("-m", "labs", "run", "tally", "--mutant", mutant, "--json").returncode == 1


def test_it_is_drawn_with_its_engine_s_words_and_has_a_console(run):
    page = run("-c", PAGE)
    assert page.stdout.splitlines() == ["['app', 'tally']", "Tally 1.0 Tally", "['tally']"], (
        page.stderr
    )


@pytest.mark.parametrize("isolation", ["process", "fake"])
def test_a_learner_opens_it_asks_it_and_breaks_it(folder, isolation, monkeypatch):
    monkeypatch.setenv("CACHEGROUND_LABS", str(folder))
    from labs.catalogue import catalogue

    catalogue.cache_clear()
    with own_supervisor(isolation) as supervisor:
        sandbox = supervisor.open("tally", {})
        call = supervisor.call
        if isolation == "process":
            assert call(sandbox, "console", server="tally", command="INCR a")["output"].endswith(
                "1"
            )
        assert "killed" in call(sandbox, "server", name="tally", verb="kill")["message"]
        assert "restarted" in call(sandbox, "server", name="tally", verb="restart")["message"]
        assert "1 client" in call(sandbox, "load", verb="start")["message"]
        assert call(sandbox, "set", name="rate_per_s", value=50) == {}
        assert "stopped" in call(sandbox, "load", verb="stop")["message"]
        assert call(sandbox, "reset") == {}
        catalogue.cache_clear()
