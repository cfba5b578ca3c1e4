"""scripts/serve where something is wrong: it says what, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.ops.conftest import BUILT_S, ORDINARY, Checkout, Watched, free_port, living, started
from tests.processes import of_the_living
from tests.waiting import eventually

SECRET = "s3cr3t"
FOREIGN = {
    "PGHOST": "nowhere.invalid",
    "PGPORT": "6543",
    "PGUSER": "other",
    "PGSERVICE": "other",
    "PGOPTIONS": "-c nonsense=1",
    "PGSSLMODE": "verify-full",
    "PGPASSFILE": "/nowhere",
    "REDISCLI_AUTH": "other",
    "LD_PRELOAD": "/nowhere.so",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONWARNINGS": "error",
    "GUNICORN_CMD_ARGS": "--workers 7 --bind 127.0.0.1:1",
    "FLASK_DEBUG": "1",
    "MALLOC_PERTURB_": "7",
    "HTTP_PROXY": "http://nowhere.invalid",
    "TZ": "Nowhere/Land",
    "LC_ALL": "xx_YY.nonsense",
    "LANG": "",
}


def answers(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
        return body.decode()


def test_variables_of_other_projects_change_nothing(checkout, fresh):
    watched = started(checkout, fresh, **FOREIGN)
    watched.run.wait_ready()
    watched.look()

    assert answers(f"http://127.0.0.1:{watched.run.port}/healthz?deep=1")
    family = watched.run.family()
    for member, environment in of_the_living(family[1:], psutil.Process.environ).items():
        assert environment.keys() & FOREIGN.keys() <= {"LC_ALL"}, member
        assert environment.get("LC_ALL", "C.UTF-8") == "C.UTF-8"
    lines = of_the_living(family, lambda member: " ".join(member.cmdline()))
    assert len([line for line in lines.values() if "gunicorn" in line]) == 3
    assert watched.run.stop() == 0
    assert watched.ended() == 0


def test_a_site_needs_no_home_no_locale_and_no_loose_umask(checkout, fresh):
    wrapped = ("sh", "-c", 'umask 077; unset HOME LANG LC_ALL; exec "$@"', "sh")
    run = Checkout(checkout.root, checkout.folder, checkout.runs, become=wrapped).serve(
        environment={"CACHEGROUND_STATE": str(fresh)}
    )
    run.wait_ready()

    assert answers(f"http://127.0.0.1:{run.port}/")
    assert run.stop() == 0


# Each a setting that is wrong, and a word of what is said of it.
WRONG = {
    "driver": ({"DATABASE_URL": f"postgresql+psycopg2://u:{SECRET}@host/name"}, "driver"),
    "redis": ({"REDIS_URL": f"redis://:{SECRET}/x@host"}, "%2F"),
    "misspelt": ({"CACHEGROUND_POL": "2"}, "CACHEGROUND_POOL may be meant"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_before_anything_is_started(checkout, fresh, name):
    settings, word = WRONG[name]
    watched = started(checkout, fresh, **settings)

    assert watched.ended() == 1
    (line,) = watched.run.said().splitlines()
    assert line.startswith(next(iter(settings))) and word in line and SECRET not in line
    assert not fresh.exists()


def test_a_near_miss_is_pointed_out_and_does_no_harm(checkout, fresh):
    watched = started(checkout, fresh, DATABASE_URI="postgresql:///other")
    watched.run.wait_ready()

    assert "DATABASE_URI is not a setting of Cacheground" in watched.run.said()
    assert watched.run.stop() == 0


def _taken_port(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = checkout.serve(port=port, environment={"CACHEGROUND_STATE": str(state)})
        run.process.wait(60)
    return Watched(run, state), f"taken by {Path('/proc/self/comm').read_text().strip()} (process"


def _no_address(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    return started(checkout, state, "--host", "203.0.113.7"), "not an address of this machine"


def _no_interface(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    return started(checkout, state, "--host", "fe80::1%nowhere"), "not an address of this machine"


def _no_name(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    return started(checkout, state, "--host", "a..b"), "not an address of this machine"


def _broken_postgres(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    (state / "portal/postgres").mkdir(parents=True)
    return started(checkout, state), "postgres ended while it was starting"


def _no_template(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    return started(checkout, state, CACHEGROUND_TEMPLATE="/dev/null/x"), "labs-host ended"


def _away(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    url = f"postgresql://u:{SECRET}@127.0.0.1:{free_port()}/name"
    return started(checkout, state, DATABASE_URL=url), "DATABASE_URL names can't be used"


def _redis_away(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    url = f"redis://:{SECRET}@127.0.0.1:{free_port()}"
    return started(checkout, state, REDIS_URL=url), "REDIS_URL names can't be used"


def _file_in_the_way(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    state.mkdir()
    (state / "log").write_text("")
    return started(checkout, state), "is in the way"


def _no_walls(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    watched = started(checkout, state, "--host", "0.0.0.0", CACHEGROUND_ISOLATION="process")
    return watched, "--without-isolation"


def _long_path(checkout: Checkout, state: Path) -> tuple[Watched, str]:
    long = state.with_name("x" * 60)
    watched = started(checkout, long, CACHEGROUND_ISOLATION="process")
    return watched, "is too long for the sockets of sandboxes"


@pytest.mark.parametrize(
    "fail",
    [
        _long_path,
        _taken_port,
        _no_address,
        _no_interface,
        _no_name,
        _broken_postgres,
        _no_template,
        _away,
        _redis_away,
        _file_in_the_way,
        _no_walls,
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    checkout, fresh, fail: Callable[[Checkout, Path], tuple[Watched, str]]
):
    watched, word = fail(checkout, fresh)

    assert watched.ended() == 1
    assert word in watched.run.said(), watched.run.said()
    assert SECRET not in watched.run.said()
    assert "Traceback" not in watched.run.said() or word == "labs-host ended"


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("serve.lock", signal.SIGINT),
        ("redis-server", signal.SIGTERM),
        ("initdb", signal.SIGINT),
        ("labs.host", signal.SIGHUP),
        ("gunicorn", signal.SIGTERM),
        ("gunicorn", signal.SIGQUIT),
        ("--single shop", signal.SIGTERM),
    ],
)
def test_stopped_at_any_moment_of_its_start_it_leaves_nothing(checkout, fresh, moment, number):
    template = str(fresh.with_name("template"))
    watched = started(checkout, fresh, CACHEGROUND_TEMPLATE=template)
    there = fresh / moment
    eventually(
        lambda: watched.look() and (there.exists() or watched.run.named(*moment.split())),
        60,
        moment,
    )

    watched.run.process.send_signal(number)

    assert watched.ended() == 0
    assert "Traceback" not in watched.run.said()


def test_after_a_kill_the_next_start_leaves_nothing(checkout, fresh):
    killed = started(checkout, fresh)
    eventually(lambda: killed.look() and killed.run.named("gunicorn"), 60, "a start half done")
    killed.run.process.kill()
    killed.run.process.wait()
    eventually(lambda: living(list(killed.seen.values())) == [], 20, "the end of all")

    again = started(checkout, fresh)
    again.run.wait_ready()
    again.look()
    again.run.process.send_signal(signal.SIGTERM)

    assert again.ended() == 0
    assert killed.memory() == []


def test_an_ordinary_user_leaves_nothing_and_needs_no_short_tmpdir(ordinary):
    long = ordinary.folder / ("x" * 98)
    long.mkdir()
    os.chown(long, ORDINARY, ORDINARY)
    run = ordinary.serve(environment={"TMPDIR": str(long)})
    run.wait_ready(BUILT_S)

    assert answers(f"http://127.0.0.1:{run.port}/healthz?deep=1")
    assert list(Path("/tmp").glob("cacheground-61998-*")) and list(long.iterdir()) == []
    assert run.stop() == 0
    assert list(Path("/tmp").glob("cacheground-61998-*")) == []


def test_an_ordinary_user_is_told_of_a_port_that_is_not_theirs(ordinary):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("every user may take port 81 here")
    run = ordinary.serve(port=81)

    assert run.process.wait(BUILT_S) == 1
    assert "Port 81 may be taken by root only" in run.said()
    assert list(Path("/tmp").glob("cacheground-61998-*")) == []


def test_a_state_directory_may_have_any_name(checkout, fresh):
    state = fresh.with_name("""a space, quote's, double"s, per%cent, co:lon, ünïcode""")
    watched = started(checkout, state)
    watched.run.wait_ready()
    watched.look()

    assert answers(f"http://127.0.0.1:{watched.run.port}/healthz?deep=1")
    assert watched.run.stop() == 0
    assert watched.ended() == 0


def test_a_checkout_below_a_path_with_a_colon_is_refused_in_a_sentence(checkout, tmp_path):
    import subprocess

    odd = tmp_path / "co:lon"
    (odd / "scripts").mkdir(parents=True)
    for name in ("serve", "common.sh"):
        (odd / "scripts" / name).write_bytes((checkout.root / "scripts" / name).read_bytes())
    ended = subprocess.run(["sh", str(odd / "scripts/serve")], capture_output=True, text=True)

    assert ended.returncode == 1
    assert "has a colon" in ended.stderr and str(odd) in ended.stderr


@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_it_serves_addresses_of_both_kinds(checkout, host, needs):
    needs(Path("/proc/net/if_inet6").exists(), "IPv6")
    run = checkout.serve("--host", host, "--without-isolation")
    run.wait_ready()
    name = {"::": "[::1]", "localhost": "localhost"}.get(host, host)
    name = f"[{name}]" if ":" in name and "[" not in name else name

    assert answers(f"http://{name}:{run.port}/healthz")
    assert f"Ready: http://{'[::]' if host == '::' else name}:{run.port}\n" in run.said()
    if host != "::":
        request = urllib.request.Request(
            f"http://{name}:{run.port}/", headers={"Host": "evil.test"}
        )
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=10)
    assert run.stop() == 0
