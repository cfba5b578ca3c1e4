"""A lab is one folder: a folder elsewhere, named in CACHEGROUND_LABS, is listed and run with no
other file touched.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs.errors import BadInput
from labs.headless import own_supervisor
from tests.sandboxes import Opened
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

MORE_LABS = ROOT / "tests/samples/more_labs"


def run(tmp_path, *words):
    environment = {**os.environ, "CACHEGROUND_LABS": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-m", "labs", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_toy_lab_is_listed_and_run(server_folder):
    folder = server_folder / "listed"
    shutil.copytree(MORE_LABS / "toy", folder / "toy")

    listed = run(folder, "list", "--json")
    played = run(folder, "run", "toy", "--json")

    assert "toy" in [lab["id"] for lab in json.loads(listed.stdout)]
    assert played.returncode == 0, played.stderr
    result = json.loads(played.stdout)
    assert result["ok"]
    assert result["measurements"] == {"queries": 1}


def test_the_result_is_one_object_with_everything_in_it(tmp_path):
    played = run(tmp_path, "run", "cache-aside", "--json", "--set", "ttl_s=2")

    assert played.returncode == 0, played.stderr
    result = json.loads(played.stdout)
    assert set(result) == {
        "lab",
        "isolation",
        "versions",
        "seconds",
        "settings",
        "measurements",
        "checks",
        "ok",
    }
    assert set(result["checks"][0]) == {"id", "claim", "status", "message", "evidence"}
    assert {"redis", "postgres"} <= set(result["versions"])
    assert "Check met" in played.stderr


def test_a_mutant_exits_1_and_an_unknown_lab_2(tmp_path):
    assert run(tmp_path, "run", "cache-aside", "--mutant", "never-stores").returncode == 1
    unknown = run(tmp_path, "run", "no-such-lab")
    assert unknown.returncode == 2
    assert "cache-aside" in unknown.stderr
    assert run(tmp_path, "run", "cache-aside", "--set", "ttl_s=0").returncode == 2


def test_a_lab_below_the_cage_s_own_tmp_is_stepped(server_folder, monkeypatch):
    folder = server_folder / "stepped"
    shutil.copytree(MORE_LABS / "toy", folder / "toy")
    monkeypatch.setenv("CACHEGROUND_LABS", str(folder))
    with own_supervisor() as supervisor:
        sandbox = supervisor.open("toy", {})

        assert supervisor.call(sandbox, "step", verb="start", function="read", key="1") == {
            "running": True
        }
        assert supervisor.call(sandbox, "step", verb="finish") == {"running": False}


@pytest.mark.parametrize(
    ("lab", "given", "call"),
    [
        ("cache-aside", {"price": "19.5"}, "write(42, price=19.50)"),
        ("cache-aside", {}, "write(42, price=24.90)"),
        ("durability", {}, "write(1)"),
        ("durability", {"price": "none"}, "write(1)"),
    ],
)
def test_a_stepped_write_has_the_price_of_the_form_where_there_are_prices(lab, given, call):
    with own_supervisor("process") as supervisor:
        opened = Opened(supervisor, lab)
        opened.call("step", verb="start", function="write", key="42", **given)
        opened.call("step", verb="finish")

        assert eventually(
            lambda: [event.call for event in opened.told if event.type == "step-started"]
        ) == [call]
        if lab == "cache-aside":
            with pytest.raises(BadInput):
                opened.call("step", verb="start", function="write", key="42", price="")
