"""What of a server's files survives a loss of power, without a server: files are written here, and
their syncs noted by hand.
"""

import os

import pytest

from labs.engines.aof import Counted
from labs.runtime.disk import Cut, Disk


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "data", tmp_path / "data-synced")


def write(disk, name, text):
    path = disk.root / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(text)
    return path


def sync(disk, name):
    path = disk.root / name if name else disk.root
    disk.note(str(path), path.stat())


def left(disk):
    return {
        str(path.relative_to(disk.root)): path.read_text()
        for path in disk.root.rglob("*")
        if path.is_file()
    }


def test_what_was_appended_after_the_last_sync_is_lost(disk):
    write(disk, "log", "one ")
    sync(disk, "log")
    write(disk, "log", "two")

    assert disk.lengths(disk.root / "log") == (7, 4)
    assert disk.cut() == [Cut("log", 7, 4)]
    assert left(disk) == {"log": "one "}


def test_a_file_that_was_never_synced_is_lost(disk):
    write(disk, "kept", "x")
    sync(disk, "kept")
    write(disk, "new", "y")

    assert disk.cut() == [Cut("new", 1, 0, gone=True)]
    assert left(disk) == {"kept": "x"}


def test_a_file_whose_name_alone_was_synced_is_empty(disk):
    write(disk, "new", "y")
    sync(disk, "")
    disk.cut()

    assert left(disk) == {"new": ""}


def test_a_rename_without_a_sync_of_its_folder_is_undone(disk):
    write(disk, "dump", "old")
    sync(disk, "dump")
    write(disk, "temp", "new")
    sync(disk, "temp")
    os.replace(disk.root / "temp", disk.root / "dump")
    disk.cut()

    assert left(disk) == {"dump": "old", "temp": "new"}


def test_a_rename_with_a_sync_of_its_folder_stays(disk):
    write(disk, "dump", "old")
    sync(disk, "dump")
    write(disk, "temp", "new")
    sync(disk, "temp")
    os.replace(disk.root / "temp", disk.root / "dump")
    sync(disk, "")
    disk.cut()

    assert left(disk) == {"dump": "new"}


def test_a_removal_without_a_sync_of_its_folder_is_undone(disk):
    write(disk, "a", "x")
    sync(disk, "a")
    (disk.root / "a").unlink()
    disk.cut()

    assert left(disk) == {"a": "x"}


def test_a_file_that_moved_into_a_synced_folder_left_the_one_that_it_came_from(disk):
    write(disk, "temp", "x")
    sync(disk, "temp")
    (disk.root / "folder").mkdir()
    os.replace(disk.root / "temp", disk.root / "folder" / "base")
    sync(disk, "folder")
    disk.cut()

    assert left(disk) == {"folder/base": "x"}


def test_syncing_a_file_makes_the_folders_above_it_durable(disk):
    write(disk, "folder/log", "x")
    sync(disk, "folder/log")
    (disk.root / "empty").mkdir()
    disk.cut()

    assert left(disk) == {"folder/log": "x"}
    assert not (disk.root / "empty").exists()


def test_what_survived_a_cut_survives_the_next(disk):
    write(disk, "log", "one ")
    sync(disk, "log")
    write(disk, "log", "two")
    disk.cut()
    write(disk, "log", "three")
    disk.cut()

    assert left(disk) == {"log": "one "}


def test_what_was_there_before_counts_as_durable(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dump").write_text("x")
    disk = Disk(tmp_path / "data", tmp_path / "data-synced")

    assert disk.cut() == []
    assert left(disk) == {"dump": "x"}


def test_files_outside_are_none_of_its_business(disk, tmp_path):
    (tmp_path / "elsewhere").write_text("x")
    disk.note(str(tmp_path / "elsewhere"), (tmp_path / "elsewhere").stat())

    assert disk.syncs == 0


def test_the_shelf_keeps_no_file_that_nothing_durable_leads_to(disk, tmp_path):
    for number in range(3):
        write(disk, "temp", str(number))
        sync(disk, "temp")
        os.replace(disk.root / "temp", disk.root / "dump")
        sync(disk, "")

    assert len(list((tmp_path / "data-synced").iterdir())) == 1


def test_a_cleared_disk_is_empty(disk):
    write(disk, "log", "x")
    sync(disk, "log")
    disk.clear()

    assert left(disk) == {}
    assert disk.cut() == []


def test_marks_are_counted_once_wherever_the_reading_was_cut(tmp_path):
    path = tmp_path / "file"
    text = "".join(f"\nwrite:{number} x" for number in range(50))
    path.write_text(text)
    counted = Counted(b"\nwrite:")

    assert [counted.up_to(path, length) for length in range(len(text) + 1)] == [
        text[:length].count("\nwrite:") for length in range(len(text) + 1)
    ]
    assert counted.up_to(path, 20) == text[:20].count("\nwrite:")


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "log").write_text("not ours, and long")
    return folder


@pytest.fixture
def noted(disk):
    """A folder with a log of which half is durable."""
    write(disk, "folder/log", "synced ")
    sync(disk, "folder/log")
    write(disk, "folder/log", "lost")
    return disk


def test_a_folder_that_became_a_symlink_leads_nowhere(noted, outside):
    os.rename(noted.root / "folder", noted.root / "moved")
    (noted.root / "folder").symlink_to(outside)
    (noted.root / "other").symlink_to(outside)
    sync(noted, "")
    noted.note_all()
    noted.cut()

    assert (outside / "log").read_text() == "not ours, and long"
    assert [path.name for path in outside.iterdir()] == ["log"]
    assert not [path for path in noted.root.rglob("*") if path.is_symlink()]
    assert not any(
        os.path.samestat(path.stat(), (outside / "log").stat())
        for path in noted.root.parent.rglob("data*/**/*")
        if path.is_file()
    )


def test_a_folder_that_became_a_symlink_unsynced_comes_back_as_it_was(noted, outside):
    os.rename(noted.root / "folder", noted.root / "moved")
    (noted.root / "folder").symlink_to(outside)
    noted.cut()

    assert (outside / "log").read_text() == "not ours, and long"
    assert left(noted) == {"folder/log": "synced "}
    assert not (noted.root / "folder").is_symlink()


def test_a_file_that_became_a_symlink_leads_nowhere(noted, outside):
    (noted.root / "folder" / "log").unlink()
    (noted.root / "folder" / "log").symlink_to(outside / "log")
    (noted.root / "new").symlink_to(outside / "log")

    assert noted.lengths(noted.root / "folder" / "log") == (0, 0)
    noted.cut()

    assert (outside / "log").read_text() == "not ours, and long"
    assert left(noted) == {"folder/log": "synced "}
    assert not (noted.root / "folder" / "log").is_symlink()


def test_a_file_with_a_name_outside_is_cut_here_and_whole_there(disk, outside):
    os.link(outside / "log", disk.root / "log")
    sync(disk, "log")
    write(disk, "log", ", and longer")

    assert disk.cut() == [Cut("log", 30, 18)]
    assert left(disk) == {"log": "not ours, and long"}
    assert (outside / "log").read_text() == "not ours, and long, and longer"
    write(disk, "log", "!")
    assert disk.cut() == [Cut("log", 19, 18)]


def test_a_link_to_a_file_outside_that_took_a_files_place_is_taken_away(noted, outside):
    (noted.root / "folder" / "log").unlink()
    os.link(outside / "log", noted.root / "folder" / "log")
    noted.cut()

    assert left(noted) == {"folder/log": "synced "}
    assert (outside / "log").read_text() == "not ours, and long"


def test_two_names_of_one_file_are_cut_once(disk):
    write(disk, "a", "x")
    os.link(disk.root / "a", disk.root / "b")
    sync(disk, "")
    sync(disk, "a")
    sync(disk, "")
    write(disk, "a", "yz")
    disk.cut()

    assert left(disk) == {"a": "x", "b": "x"}
    assert (disk.root / "a").samefile(disk.root / "b")


def test_a_cleared_disk_has_no_problem_any_more(disk):
    disk.problem = "a sync was not noted"
    disk.clear()

    assert disk.problem == ""
