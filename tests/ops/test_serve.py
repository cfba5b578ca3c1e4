"""scripts/serve: starts, says so, comes back from what is killed, and leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psycopg
import pytest

from tests.ops.conftest import (
    BUILT_S,
    ORDINARY,
    Checkout,
    Run,
    all_end,
    free_port,
    living,
    takes_connections,
)
from tests.processes import of_the_living
from tests.waiting import WITHIN_S, eventually


def page(run: Run, path: str = "/healthz") -> int:
    """The status of a page; 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{run.port}{path}", timeout=20) as response:
            status: int = response.status
            return status
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code
    except OSError:
        return 0


def database(checkout: Checkout) -> psycopg.Connection:
    return psycopg.connect(
        f"postgresql://cacheground@/cacheground?host={checkout.places.sockets}", autocommit=True
    )


def test_a_first_start_makes_what_it_needs_and_serves(checkout):
    run = checkout.serve()
    run.wait_ready()

    assert f"Ready: http://127.0.0.1:{run.port}\n" in run.said()
    assert page(run) == 200 and page(run, "/") == 200
    assert run.stop() == 0


def test_nothing_of_the_portal_s_runs_as_root(checkout, needs):
    needs(os.geteuid() == 0, "root")
    run = checkout.serve()
    run.wait_ready()

    users = of_the_living(run.family(), lambda member: member.uids().real)
    members = {
        name: run.named(*words)
        for name, words in {
            "web": ["gunicorn"],
            "recorder": ["portal", "recorder"],
            "postgres": ["postgres", str(checkout.places.portal)],
            "redis": ["redis-server", "cacheground-"],
        }.items()
    }
    assert {name for name, member in members.items() if users[member] == 0} == set()
    assert checkout.places.portal.stat().st_mode & 0o777 == 0o700


def test_at_sigterm_everything_ends(checkout):
    run = checkout.serve()
    run.wait_ready()
    family = run.family()

    assert run.stop() == 0
    all_end(family)
    assert not takes_connections(run.port)
    assert not checkout.places.sockets.exists()


def test_at_ctrl_c_everything_ends(checkout):
    run = checkout.serve()
    run.wait_ready()
    family = run.family()

    run.process.send_signal(signal.SIGINT)

    assert run.process.wait(40) == 0
    all_end(family)


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_while_it_stops_changes_nothing(checkout, again):
    run = checkout.serve()
    run.wait_ready()
    family = run.family()

    run.process.send_signal(signal.SIGINT)
    eventually(lambda: "Stopping." in run.said(), 20, "the beginning of the end")
    run.process.send_signal(again)

    assert run.process.wait(40) == 0
    all_end(family)
    assert "Aborted" not in run.said()


def test_told_to_stop_while_it_starts_it_leaves_nothing(checkout):
    run = checkout.serve()
    eventually(lambda: len(run.family()) > 3, 30, "a start half done")
    family = run.family()

    assert run.stop() in (0, -signal.SIGTERM)
    eventually(lambda: living(family) == [], 5, "the end of all")


def test_killed_it_leaves_nothing_and_loses_nothing(checkout):
    run = checkout.serve()
    run.wait_ready()
    with database(checkout) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (at timestamptz)")
        connection.execute("INSERT INTO kept VALUES (now())")
        before = connection.execute("SELECT count(*) FROM kept").fetchone()
    family = run.family()

    run.process.kill()
    run.process.wait()
    eventually(
        lambda: living(family) == [] and not takes_connections(run.port), 5, "the end of all"
    )

    again = checkout.serve(port=run.port)
    again.wait_ready()
    with database(checkout) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == before
        connection.execute("DROP TABLE kept")


def test_started_again_at_once_after_a_kill_it_is_ready(checkout):
    run = checkout.serve()
    run.wait_ready()
    run.process.kill()
    run.process.wait()

    again = checkout.serve(port=run.port)
    again.wait_ready()
    assert page(again) == 200


@pytest.mark.parametrize(
    "words",
    [
        ("gunicorn",),
        ("labs.host", "--state"),
        ("portal", "recorder"),
        ("redis-server", "cacheground-"),
        ("postgres", "portal/postgres"),
    ],
    ids=["web", "labs-host", "recorder", "redis", "postgres"],
)
def test_a_part_that_is_killed_comes_back(checkout, words):
    run = checkout.serve()
    run.wait_ready()
    eventually(lambda: run.named(*words), 10, "its first start")
    killed = run.named(*words)
    assert killed
    killed.kill()

    def back() -> bool:
        found = run.named(*words)
        return bool(found) and found != killed and page(run, "/healthz?deep=1") == 200

    eventually(back, 20, "its return")
    assert run.process.poll() is None
    assert "is started again" in run.said()


def test_a_part_that_fails_again_and_again_ends_the_site_with_its_last_words(checkout):
    run = checkout.serve()
    run.wait_ready()
    family = run.family()
    killed: set[int] = set()

    def kill_recorder() -> bool:
        lines = of_the_living(run.family(), lambda member: member.cmdline())
        for member, line in lines.items():
            if member.pid not in killed and line[-1:] == ["recorder"]:
                killed.add(member.pid)
                member.kill()
        return run.process.poll() is not None

    eventually(kill_recorder, 40, "giving up")
    assert run.process.returncode == 1
    assert len(killed) == 5 and "recorder failed 5 times in 2 minutes" in run.said()
    all_end(family)


def test_a_taken_port_is_said_before_anything_is_started(checkout):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = checkout.serve(port=taken.getsockname()[1])

        assert run.process.wait(WITHIN_S) == 1
    assert f"Port {run.port} of 127.0.0.1 is taken" in run.said() and "--port" in run.said()
    assert not checkout.places.sockets.exists()


def test_a_second_one_in_the_same_checkout_is_refused(checkout):
    first = checkout.serve()
    first.wait_ready()

    second = checkout.serve()

    assert second.process.wait(WITHIN_S) == 1
    assert "runs already" in second.said() and str(first.port) in second.said()
    assert page(first) == 200


def test_others_are_not_let_in_where_sandboxes_have_no_walls(checkout):
    run = checkout.serve("--host", "0.0.0.0", environment={"CACHEGROUND_ISOLATION": "process"})

    assert run.process.wait(60) == 1
    assert "--without-isolation" in run.said() and "Ready" not in run.said()


def test_others_are_let_in_without_walls_if_asked_in_so_many_words(checkout):
    run = checkout.serve(
        "--host", "0.0.0.0", "--without-isolation", environment={"CACHEGROUND_ISOLATION": "process"}
    )
    run.wait_ready()

    assert page(run) == 200
    assert "Sandboxes have no walls" in run.said()


def test_another_postgres_and_redis_are_used_where_they_are_named(
    checkout, embedded_postgres, embedded_redis
):
    run = checkout.serve(
        environment={"DATABASE_URL": embedded_postgres.url, "REDIS_URL": embedded_redis.url}
    )
    run.wait_ready()

    assert page(run, "/healthz?deep=1") == 200
    lines = of_the_living(run.family(), lambda member: " ".join(member.cmdline()))
    assert [line for line in lines.values() if str(checkout.places.sockets) in line] == []
    assert run.stop() == 0


def test_a_redis_that_is_not_there_is_named(checkout):
    run = checkout.serve(environment={"REDIS_URL": f"redis://127.0.0.1:{free_port()}"})

    assert run.process.wait(40) == 1
    assert "REDIS_URL" in run.said()


def test_a_postgres_that_is_not_there_is_named(checkout):
    run = checkout.serve(
        environment={"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    )

    assert run.process.wait(40) == 1
    assert "DATABASE_URL" in run.said()


def test_an_ordinary_user_can_do_all_of_it(ordinary):
    run = ordinary.serve()
    run.wait_ready(BUILT_S)
    family = run.family()

    assert page(run, "/") == 200
    users = of_the_living(family, lambda member: member.uids().real)
    assert set(users.values()) == {ORDINARY}
    assert run.stop() == 0
    all_end(family)


def test_the_command_line_says_what_it_can_do(checkout):
    ended = subprocess.run(
        [str(checkout.root / "scripts/cacheground"), "--help"],
        capture_output=True,
        text=True,
        cwd="/",
    )

    assert ended.returncode == 0 and "serve" in ended.stdout, ended.stderr


def test_a_python_that_is_too_old_is_named_with_the_way_out(checkout, tmp_path):
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    script = (
        (checkout.root / "scripts/common.sh")
        .read_text()
        .replace("/usr/bin/python3", str(tmp_path / "python3"))
    )
    ended = subprocess.run(
        ["sh", "-c", script + "\npython=/nowhere\nfind_python"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert (
        "Python 3.11" in ended.stderr
        and "apt-get" in ended.stderr
        and "dnf" in ended.stderr
        and "brew" in ended.stderr
    )


def test_where_it_cannot_install_it_says_which_commands_to_run(checkout, tmp_path):
    """No apt-get, no engines: a PATH with nothing on it, and no /usr/lib/postgresql in sight."""
    programs = checkout.root / "scripts/provisioning/programs.py"
    before = programs.read_text()
    programs.write_text(
        before.replace("/usr/lib/postgresql", str(tmp_path)).replace(
            'Path("/usr/sbin")', f'Path("{tmp_path}")'
        )
    )
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", str(checkout.root / "scripts/provision.py"), "serve"],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    finally:
        programs.write_text(before)

    assert ended.returncode == 3
    for expected in (
        "redis-server, memcached and postgresql",
        "apt-get install",
        "dnf install",
        "brew install",
        "bubblewrap",
    ):
        assert expected in ended.stderr
