"""Backups on the bench: where their files lie, what a restore leaves, what is refused."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from labs.errors import BadInput, NotNow, ServerDown
from labs.setups.changes.backups import MOST_BACKUPS
from tests.sandboxes import Opened
from tests.waiting import eventually


class Bench(Opened):
    """An open sandbox of the lab."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "backup-restore")
        self._directory = supervisor.process(self.id).directory
        self.call("set", name="keys", value=2_000)

    def files(self):
        """The RDB files of this sandbox, by where they lie."""
        return sorted(
            str(path.relative_to(path.parents[1])) for path in self._directory.rglob("*.rdb")
        )

    def names(self):
        return [row["backup"] for row in self.table("backups")]


@pytest.fixture
def bench(supervisor):
    made = Bench(supervisor)
    yield made
    made.end()


def test_a_backup_lies_outside_the_servers_directory_and_goes_with_its_entry(bench):
    bench.act("fill")

    bench.act("take")
    bench.act("copy")

    assert bench.files() == ["backups/backup-001-copy.rdb", "backups/backup-001.rdb"]
    bench.act("delete", backup="backup-001")
    assert bench.files() == ["backups/backup-001-copy.rdb"]
    assert bench.names() == ["backup-001-copy"]
    statuses = [
        row["status"]
        for event in bench.told
        if event.type == "table-changed" and event.table == "backups"
        for row in event.rows
    ]
    assert list(dict.fromkeys(statuses)) == ["creating", "available", "copying"]


def test_a_restore_leaves_no_file_with_the_new_cluster_which_is_empty_after_a_restart(bench):
    bench.act("fill")
    bench.act("take")

    assert "shop-restored is there" in bench.act("restore")

    assert bench.files() == ["backups/backup-001.rdb"]
    with pytest.raises(NotNow):
        bench.act("restore")
    bench.server("restart", "shop-restored-001")
    assert (
        bench.call("console", server="shop-restored-001", command="DBSIZE")["output"]
        == "(integer) 0"
    )
    bench.server("restart", "shop-001")
    assert bench.call("console", server="shop-001", command="DBSIZE")["output"] == "(integer) 0"


def test_what_a_learner_does_in_the_console_is_an_accident_too(bench):
    bench.act("fill")
    bench.act("take")
    bench.call("console", server="shop-001", command="FLUSHALL")

    bench.act("restore")

    shop = next(row for row in bench.table("comparison") if row["what"] == "shop")
    assert (shop["keys"], shop["digest"]) == (0, "empty")


def test_what_a_learner_writes_over_the_counts_does_not_stop_a_restore(bench):
    bench.act("fill")
    bench.call("load", verb="start")
    eventually(
        lambda: (
            bench.call("console", server="shop-001", command="EXISTS writer:0")["output"]
            == "(integer) 1"
        )
    )
    bench.call("load", verb="stop")
    for command in ("HSET product:1 change x", "SET writer:0 x"):
        assert not bench.call("console", server="shop-001", command=command)["failed"]
    bench.act("take")

    assert "shop-restored is there" in bench.act("restore")


def test_a_refused_restore_leaves_no_file_with_the_new_cluster(bench):
    bench.act("fill")
    bench.act("take")
    bench.act("damage")

    assert "No cluster starts" in bench.act("restore")

    assert bench.files() == ["backups/backup-001-damaged.rdb", "backups/backup-001.rdb"]


@pytest.mark.parametrize("prediction", ["lost", "copied", "address"])
def test_an_experiment_of_a_prediction_meets_no_check(bench, prediction):
    bench.call("measure", prediction=prediction)

    sleep(1.5)
    changed = [event for event in bench.told if event.type == "check-changed"]
    assert changed
    assert [event.check for event in changed if event.status == "met"] == []
    assert not any(event.evidence for event in changed)


def test_a_server_that_dies_while_it_writes_leaves_no_backup_and_no_file(bench):
    bench.call("set", name="keys", value=60_000)
    bench.act("fill")
    with ThreadPoolExecutor(1) as aside:
        taken = aside.submit(bench.act, "take")
        eventually(lambda: any("temp-" in file for file in bench.files()))

        bench.server("kill", "shop-001")

        with pytest.raises(ServerDown):
            taken.result()
    assert bench.names() == []
    assert bench.files() == []


def test_there_are_only_so_many_backups(bench):
    bench.act("fill")
    bench.act("take")
    for _ in range(MOST_BACKUPS - 1):
        bench.act("copy", backup="backup-001")

    with pytest.raises(NotNow):
        bench.act("take")
    with pytest.raises(NotNow):
        bench.act("damage", backup="backup-001", how="cut")
    assert len(bench.files()) == len(set(bench.names())) == MOST_BACKUPS


@pytest.mark.parametrize("name", ["../redis", "backup-999", "backup-001\n"])
def test_a_backup_that_is_not_in_the_list_cannot_be_named(bench, name):
    bench.act("fill")
    bench.act("take")

    with pytest.raises(BadInput):
        bench.act("restore", backup=name)


def test_a_fresh_start_has_no_backups_and_no_restored_cluster(bench):
    bench.act("fill")
    bench.act("take")
    bench.act("damage")
    bench.act("restore")
    assert bench.states("shop-restored-001")[-1] == "down"

    bench.call("reset")

    assert bench.states("shop-restored-001")[-1] == "stopped"
    assert bench.files() == []
    assert bench.table("backups") == []
    with pytest.raises(BadInput):
        bench.act("restore")


def test_a_lab_without_code_has_nothing_to_step_through(bench):
    with pytest.raises(BadInput):
        bench.call("step", verb="start")
