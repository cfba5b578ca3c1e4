"""Addresses that hold: of unix sockets, of listeners, and of hosts that are served."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from labs.linux import LONGEST_SOCKET
from portal.serve.listening import in_url, is_loopback, url, without_brackets
from portal.serve.places import LONGEST_NAME, holds_sockets, places_of
from portal.web.hosts import is_served


@pytest.fixture
def ordinary(monkeypatch):
    """As an ordinary user sees it: no /run of one's own."""
    monkeypatch.setattr(os, "geteuid", lambda: 61_998)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)


@pytest.mark.parametrize("name", ["x" * 98, "a b", "per%cent", "co:lon", "quote'", "com,ma", "ü"])
@pytest.mark.parametrize("variable", ["TMPDIR", "XDG_RUNTIME_DIR"])
def test_sockets_do_not_lie_where_their_path_is_too_long_or_odd(
    ordinary, monkeypatch, tmp_path, variable, name
):
    (tmp_path / name).mkdir()
    monkeypatch.setenv(variable, str(tmp_path / name))

    assert places_of(tmp_path).sockets.parent == Path("/tmp")


@pytest.mark.parametrize("variable", ["TMPDIR", "XDG_RUNTIME_DIR"])
def test_sockets_lie_where_the_user_has_room_for_them(ordinary, monkeypatch, variable):
    monkeypatch.setenv(variable, "/var/tmp")

    assert places_of(Path("/srv/x")).sockets.parent == Path("/var/tmp")


def test_the_longest_directory_that_is_taken_holds_a_socket_and_a_longer_one_none(tmp_path):
    room = LONGEST_SOCKET - LONGEST_NAME - len(os.fsencode(tmp_path)) - 1
    longest, longer = tmp_path / ("x" * room), tmp_path / ("x" * (room + 1))
    for folder in (longest, longer):
        folder.mkdir()
    assert holds_sockets(longest) and not holds_sockets(longer)

    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(longest / ".s.PGSQL.5432"))
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match="too long"):
        one.bind(str(longer / ".s.PGSQL.5432"))


@pytest.mark.parametrize(
    ("host", "shown", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.1.2.3", "127.1.2.3", True),
        ("::1", "[::1]", True),
        ("[::1]", "[::1]", True),
        ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]", True),
        ("::", "[::]", False),
        ("0.0.0.0", "0.0.0.0", False),
        ("fe80::1%eth0", "[fe80::1%25eth0]", False),
        ("localhost", "localhost", True),
        ("labs.example.org", "labs.example.org", False),
    ],
)
def test_an_address_stands_in_a_url_as_a_browser_takes_it(host, shown, loopback):
    bare = without_brackets(host)

    assert in_url(bare) == shown
    assert url(bare, 8000) == f"http://{shown}:8000"
    assert is_loopback(bare) is loopback


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("[0:0:0:0:0:0:0:1]", True),
        ("[::2]:8000", False),
        ("evil.example:8000", False),
        ("a.b.example", True),
        ("b.example", True),
        ("xb.example", False),
        ("[::1].evil.example", False),
        ("::1", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_the_site_s_own_names_are_served(host, served):
    assert is_served(host, ("localhost", "127.0.0.1", "[::1]", ".b.example")) is served


def test_a_site_with_ipv6_names_alone_serves_no_other():
    assert is_served("[::1]", ("[::1]",)) and not is_served("localhost", ("[::1]",))
