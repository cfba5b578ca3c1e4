"""What a server that was taken over finds: no secret, no way out, no more than its share."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from labs.host import zygote
from tests.security.conftest import SECRETS

ROOT = Path(__file__).resolve().parents[2]


def descriptors(process):
    folder = Path(f"/proc/{process.pid}/fd")
    return [os.readlink(folder / name) for name in os.listdir(folder)]


def status(process, name):
    return re.search(
        rf"^{name}:\s*(\S+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE
    )[1]


def limit(process, name):
    return re.search(
        rf"^{name}\s+(\S+)", Path(f"/proc/{process.pid}/limits").read_text(), re.MULTILINE
    )[1]


in_a_cage = pytest.mark.parametrize("supervisor", ["cage"], indirect=True)
as_processes = pytest.mark.parametrize("supervisor", ["process"], indirect=True)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="root alone can look into processes that can't be traced"
)


@needs_root
def test_no_secret_of_the_portal_is_in_the_environment_of_anything_in_a_sandbox(opened):
    for process in opened.processes:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode()

        assert not [
            name for name, value in SECRETS.items() if name in environment or value in environment
        ], process.name()


@needs_root
def test_nothing_in_a_sandbox_holds_a_file_from_outside(opened, supervisor):
    """A directory of the machine's would be a way out of the cage, a socket of the host's a way
    into it.
    """
    own = str(supervisor.process(opened.id).directory)

    for process in opened.inside:
        for target in descriptors(process):
            assert target.startswith(
                (
                    own,
                    "/sandbox/",
                    "socket:",
                    "pipe:",
                    "anon_inode:",
                    "/dev/null",
                    "/dev/zero",
                    "/memfd:",
                    "/dev/shm/",
                )
            ), (process.name(), target)


@needs_root
def test_only_the_agent_can_speak_to_the_labs_host(opened, supervisor):
    """Its end of the socket pair is held by nobody else: who holds it could speak for the
    sandbox.
    """
    ours = os.fstat(supervisor.process(opened.id).connection.sock.fileno()).st_ino
    holders = set()
    for process in opened.inside:
        for target in descriptors(process):
            if target.startswith("socket:["):
                inode = int(target[8:-1])
                if inode == ours:
                    holders.add("ours")
                elif inode == _peer(ours):
                    holders.add(process.name())

    assert holders == {"cg-agent"}


def _peer(inode):
    """The other end of a unix socket pair, as the kernel's diagnostics tell it."""
    told = subprocess.run(
        ["ss", "--unix", "--no-header", "--all"], capture_output=True, text=True, check=True
    ).stdout
    for line in told.splitlines():
        numbers = [int(part) for part in line.split() if part.isdigit()]
        if len(numbers) >= 4 and inode in (numbers[-1], numbers[-2]):
            return numbers[-2] if numbers[-1] == inode else numbers[-1]
    return None


def test_everything_in_a_sandbox_has_given_up_what_it_could_give_up(opened):
    for process in opened.inside:
        assert status(process, "CapEff") == status(process, "CapPrm") == "0" * 16, process.name()
        assert status(process, "NoNewPrivs") == "1", process.name()
        assert status(process, "Seccomp") == "2", process.name()
        assert process.uids().real != 0, process.name()


def test_everything_in_a_sandbox_has_its_limits(opened, supervisor):
    for process in opened.inside:
        assert 0 < int(limit(process, "Max address space")) <= 1024**3, process.name()
        assert int(limit(process, "Max file size")) == 128 * 1024**2, process.name()
        assert int(limit(process, "Max core file size")) == 0, process.name()
        assert int(limit(process, "Max open files")) <= zygote.OPEN_FILES, process.name()
        if supervisor.isolation == "cage" or os.geteuid() == 0:
            assert int(limit(process, "Max processes")) == 200, process.name()


def test_each_sandbox_has_a_user_of_its_own(opened, neighbour):
    if os.geteuid() != 0:
        pytest.skip("an ordinary user has no other users to give")

    assert {process.uids().real for process in opened.inside}.isdisjoint(
        {process.uids().real for process in neighbour.inside}
    )


def test_the_passwords_are_each_sandbox_s_own_and_in_no_command_line(opened, neighbour):
    for process in (*opened.inside, *neighbour.inside):
        assert "pass" not in " ".join(process.cmdline()).lower()


def address(sandbox, program):
    """Where a server of a sandbox listens."""
    process = next(process for process in sandbox.inside if process.name() == program)
    return next(
        connection.laddr
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    )


@as_processes
def test_whoever_reaches_a_server_of_a_plain_process_is_asked_for_a_password(opened):
    """But not by Memcached, which knows none: that is what `process` lacks."""
    at = address(opened, "redis-server")
    with socket.create_connection(at, timeout=2.0) as sock:
        sock.sendall(b"INFO\r\n")
        assert sock.recv(100).startswith(b"-NOAUTH")
    at = address(opened, "postgres")
    for user in ("lab_agent", "lab_reader", "shop_app", "learner", "postgres"):
        with pytest.raises(psycopg.OperationalError, match=r"password|rejects"):
            psycopg.connect(
                host=at.ip,
                port=at.port,
                user=user,
                dbname="shop",
                connect_timeout=2,
                sslmode="disable",
            )


def test_a_server_listens_where_its_sandbox_is_and_nowhere_else(opened, neighbour, supervisor):
    """In a cage on nothing that the machine's own network has."""
    hosts = []
    for sandbox in (opened, neighbour):
        for process in sandbox.inside:
            if process.name() in ("redis-server", "memcached", "postgres", "cg-links"):
                hosts += [
                    connection.laddr.ip
                    for connection in process.net_connections("inet")
                    if connection.status == psutil.CONN_LISTEN
                ]

    assert bool(hosts) == (supervisor.isolation == "process")
    assert all(host.startswith("127.6") for host in hosts), hosts


@pytest.fixture(scope="module")
def seen(opened):
    """What an intruder found in the cage."""
    holder = next(process for process in opened.processes if process.name() in ("sleep", "sh"))
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        abstract.bind(f"\0cacheground-test-{port}")
        abstract.listen()
        told = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("intruder.py")),
                str(holder.pid),
                str(holder.uids().real),
                str(port),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=30,
        )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@in_a_cage
def test_the_machine_s_files_are_not_there(seen):
    # The way down to the checkout and the interpreter is there, wherever they lie.
    shown = {
        path.parts[1]
        for path in (ROOT, Path(sys.prefix), Path(sys.base_prefix), Path(sys.prefix).resolve())
    }
    assert not ({"etc", "home", "var", "run", "sys", "boot", "srv", "mnt"} - shown) & set(
        seen["root"]
    )


@in_a_cage
def test_the_machine_s_processes_are_not_there(seen):
    assert len(seen["processes"]) < 25
    assert not {"cg-zygote", "cg-monitor", "pytest", "systemd"} & set(seen["processes"])


@in_a_cage
@pytest.mark.parametrize(
    "way",
    [
        "the machine's loopback",
        "the machine's abstract sockets",
        "the outside",
        "raw packets",
        "whole packets",
        "the machine below",
    ],
)
def test_no_socket_leads_out(seen, way):
    assert seen[way] in ("ECONNREFUSED", "ENETUNREACH", "EPERM", "EAFNOSUPPORT")


@in_a_cage
def test_the_kernel_s_other_sockets_can_not_even_be_made(seen):
    assert seen["the machine below"] == seen["whole packets"] == "EAFNOSUPPORT"


@in_a_cage
def test_there_is_no_way_back_to_rights(seen):
    assert seen["user namespaces left"] == 0
    assert seen["a user namespace"] == seen["ptrace"] == seen["keys"] == seen["mount"] == "EPERM"
    assert seen["root again"] in ("EINVAL", "EPERM")


@in_a_cage
def test_the_agent_can_not_be_read(seen):
    assert seen["the agent's environment"] == seen["the agent's descriptors"] == "EACCES"


@in_a_cage
def test_only_the_sandbox_s_own_places_can_be_written_to(seen):
    assert seen["write"].pop("/sandbox") == "done"
    assert set(seen["write"].values()) <= {"EROFS", "EACCES", "ENOENT"}


@in_a_cage
def test_what_is_kept_in_memory_is_bounded(seen):
    assert all(0 < megabytes <= 32 for megabytes in seen["room"].values())


@in_a_cage
def test_a_fork_bomb_is_a_sandbox_s_own(seen):
    assert seen["children"] < 200
