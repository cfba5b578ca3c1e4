"""What another sandbox gets of a neighbour that has private keys, users and passwords: nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.security.conftest import Opened

ROOT = Path(__file__).resolve().parents[2]

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="all sandboxes of an ordinary user are that user"
)


@pytest.fixture(scope="module")
def victims(supervisor):
    """Neighbours with private keys, users and a database of passwords."""
    opened = [Opened(supervisor, lab) for lab in ("iam", "memcached-sasl")]
    yield opened
    for one in opened:
        supervisor.end(one.id, "the tests are over")


@pytest.fixture(scope="module")
def stolen(supervisor, opened, victims):
    """What the sandbox of another learner got of them, and what there is to get."""
    holder = next((one for one in opened.processes if one.name() in ("sleep", "sh")), None)
    folders = [supervisor.process(victim.id).directory for victim in victims]
    paths = [str(path) for folder in folders for path in folder.rglob("*")]
    wanted = {
        "files": [path for path in paths if Path(path).is_file()],
        "folders": [*map(str, folders), *(path for path in paths if Path(path).is_dir())],
        "pids": [one.pid for victim in victims for one in victim.inside],
        "ports": list(_ports(victims)),
    }
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.security.neighbour",
            str(holder.pid if supervisor.isolation == "cage" else 0),
            str(opened.inside[0].uids().real),
        ],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return wanted, json.loads(told.stdout)


GET = bytes([0x80, 0, 0, 1, *[0] * 7, 1, *[0] * 12, ord("a")]).hex()
"""A request of Memcached's binary protocol: it tells its version without a login, and no value."""


def _ports(victims):
    """Where the servers of a plain process listen, and what to ask each."""
    for process in (one for victim in victims for one in victim.inside):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and process.name() == "redis-server":
                yield connection.laddr.ip, connection.laddr.port, b"PING\r\n".hex()
            elif connection.status == psutil.CONN_LISTEN and "-S" in process.cmdline():
                yield connection.laddr.ip, connection.laddr.port, GET


@needs_root
def test_another_sandbox_can_read_no_file_of_a_neighbour(stolen):
    wanted, got = stolen

    names = {Path(path).name for path in wanted["files"]}
    assert {"redis.conf", "gate.key", "sasldb2", "memcached.conf"} <= names
    assert set(got["files"].values()) <= {"EACCES", "ENOENT"}
    assert len(got["folders"]) > len(wanted["folders"]), "by way of its processes, too"
    assert {str(found) for found in got["folders"].values()} <= {"EACCES", "ENOENT"}


@needs_root
def test_another_sandbox_learns_nothing_from_a_neighbour_s_processes(stolen, supervisor):
    _, got = stolen

    for path, found in got["processes"].items():
        if path.endswith("cmdline") and supervisor.isolation == "process":
            # The kernel shows everyone these; tests/leaks.py looks into each of them.
            continue
        assert found in ("EACCES", "ENOENT", "EPERM"), path


@needs_root
def test_another_sandbox_is_asked_for_a_login_by_a_neighbour(stolen, supervisor, victims, opened):
    """In a cage it finds none: every sandbox has a network of its own."""
    wanted, got = stolen
    networks = {
        os.readlink(f"/proc/{sandbox.inside[0].pid}/ns/net") for sandbox in (*victims, opened)
    }

    assert len(networks) == (3 if supervisor.isolation == "cage" else 1)
    answers = [got["ports"][f"{host}:{port}"] for host, port, _ in wanted["ports"]]
    if supervisor.isolation == "process":
        assert len(answers) == 2
        assert all("NOAUTH" in answer or "Auth failure" in answer for answer in answers), answers
