"""A sandbox's database on an overlay: what it changes is its own, and in memory."""

import os
import traceback
from pathlib import Path

import pytest

from labs import linux
from labs.host import overlay
from labs.shop import template

UID, KB = 61_980, 1024


@pytest.fixture
def shared(tmp_path):
    """A template with a file and a folder."""
    folder = tmp_path / "template"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "table").write_text("as it was")
    (folder / template.STAMP).write_text("first")
    return folder


@pytest.fixture
def layers(tmp_path, shared, needs):
    needs(os.geteuid() == 0, "root, to mount something")
    found = overlay.prepare(tmp_path / "layers", shared)
    needs(found is not None, "a kernel that lets us mount overlays")
    return found


def in_a_sandbox(layers, directory, work):
    """Do some work in a process with a database of its own; the exit code."""
    directory.mkdir()
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        overlay.mount(layers, directory, UID)
        # The folders above are closed to the sandbox's user.
        os.chdir(directory / overlay.DATA)
        work(Path())
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a child of the test: nothing is above
        traceback.print_exc()
        os._exit(1)


def test_an_ordinary_user_writes_to_its_own_and_to_no_others(layers, tmp_path, shared):
    def write(data):
        linux.become(UID)
        with (data / "base" / "table").open("r+") as file:
            assert file.read() == "as it was"
            file.write(", and more")
        (data / "base" / "new").touch()
        assert data.stat().st_uid == UID
        assert data.stat().st_mode & 0o777 == 0o700

    def read(data):
        linux.become(UID)
        assert (data / "base" / "table").read_text() == "as it was"
        assert not (data / "base" / "new").exists()

    assert in_a_sandbox(layers, tmp_path / "one", write) == 0
    assert in_a_sandbox(layers, tmp_path / "two", read) == 0
    assert (shared / "base" / "table").read_text() == "as it was"
    assert list((tmp_path / "one" / overlay.DATA).iterdir()) == []


def test_what_it_writes_counts(layers, tmp_path):
    def write(data):
        before = overlay.used(os.getpid(), layers.room)
        (data / "large").write_bytes(bytes(100 * KB))
        assert 100 * KB <= overlay.used(os.getpid(), layers.room) - before <= 140 * KB

    assert in_a_sandbox(layers, tmp_path / "one", write) == 0
    assert overlay.used(0, layers.room) == 0


def test_it_can_be_filled_again(layers, tmp_path, shared):
    def refill(data):
        (data / "base" / "table").write_text("changed")
        (data / "base" / "new").touch()
        (data / "link").symlink_to("/")
        template.refill(shared, data)
        assert (data / "base" / "table").read_text() == "as it was"
        assert sorted(entry.name for entry in data.rglob("*")) == sorted(
            ["base", "table", template.STAMP]
        )

    assert in_a_sandbox(layers, tmp_path / "one", refill) == 0


def test_only_root_comes_near_the_shared_layer(layers):
    assert layers.lower.parent.stat().st_mode & 0o777 == 0o700
    assert (layers.lower / "base" / "table").stat().st_mode & 0o777 == 0o666
    assert (layers.lower / "base").stat().st_mode & 0o777 == 0o777


def test_another_template_makes_another_layer(layers, shared):
    (shared / "base" / "table").write_text("newer")
    (shared / template.STAMP).write_text("second")

    again = overlay.prepare(layers.room.parent, shared)

    assert (again.lower / "base" / "table").read_text() == "newer"


def test_without_root_there_are_no_layers(tmp_path, shared, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1_000)

    assert overlay.prepare(tmp_path / "layers", shared) is None
