"""Backups on real servers: a digest over all that a Redis holds, files that are kept and refused,
changes that are counted, and nothing left behind.
"""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from labs.clients.access import Access
from labs.engines.dataset import READS, dataset
from labs.engines.redis import Redis
from labs.errors import BadInput, NotNow, ServerDown
from labs.headless import own_supervisor
from labs.load import loop
from labs.load.commits import Commits
from labs.network.links import Route
from labs.setups.changes import shop_data
from labs.setups.changes.backup import refusal
from labs.setups.changes.backups import MOST_BACKUPS
from labs.setups.changes.losses import count
from labs.setups.changes.workload import ChangesSpec, count_key, note, notes, product_key
from tests.sandboxes import Opened
from tests.waiting import eventually

KEYS = 600
ONE_OF_EACH = (
    ("SET", "string", "value"),
    ("SET", "ends", "value", "PXAT", 4_000_000_000_000),
    ("HSET", "hash", "a", 1, "b", 2),
    ("SADD", "set", "x", "y", "z"),
    ("ZADD", "zset", 1, "m", 2, "n"),
    ("RPUSH", "list", "first", "second"),
    ("XADD", "stream", "1-1", "field", "value"),
    ("SET", b"not\xfftext", b"\x00\x01"),
)
CHANGES = (
    ("SET", "string", "other"),
    ("DEL", "string"),
    ("SET", "another", ""),
    ("PEXPIREAT", "ends", 4_000_000_000_001),
    ("PERSIST", "ends"),
    ("PEXPIREAT", "string", 4_000_000_000_000),
    ("HSET", "hash", "b", 3),
    ("HDEL", "hash", "a"),
    ("SADD", "set", "w"),
    ("SREM", "set", "x"),
    ("ZADD", "zset", 1.5, "m"),
    ("LSET", "list", 0, "zeroth"),
    ("RPUSH", "list", "third"),
    ("XADD", "stream", "1-2", "field", "value"),
    ("XDEL", "stream", "1-1"),
    ("SET", b"not\xfftext", b"\x00\x02"),
    ("RENAME", "list", "queue"),
    ("EVAL", "redis.call('DEL', 'set'); redis.call('RPUSH', 'set', 'x', 'y', 'z')", 0),
)


@pytest.fixture
def server(rack):
    """Starts a Redis, on a file if it is given one."""

    def start(name, dump=None):
        folder = rack.directory / name
        folder.mkdir()
        rack.own(folder)
        if dump is not None:
            (folder / "dump.rdb").write_bytes(dump)
            rack.own(folder / "dump.rdb")
        engines.append(
            engine := Redis(name, rack.address(), folder, "secret", maxmemory_policy="noeviction")
        )
        rack.start(engine)
        return engine

    engines = []
    yield start
    for engine in engines:
        engine.close()


def put(engine, commands=ONE_OF_EACH):
    for command in commands:
        engine.run(*command)


def saved(engine):
    engine.run("BGSAVE")
    eventually(lambda: engine.info("persistence")["rdb_bgsave_in_progress"] == "0")
    return (engine.directory / "dump.rdb").read_bytes()


# The digest


def test_the_same_data_has_the_same_digest_however_it_came_to_be(server):
    first, second = server("first"), server("second")
    put(first)
    put(second, reversed(ONE_OF_EACH))
    second.run("SADD", "set", *(f"more-{number}" for number in range(300)))
    second.run("SREM", "set", *(f"more-{number}" for number in range(300)))
    second.run("HSET", "hash", "long", "x" * 200)
    second.run("HDEL", "hash", "long")

    assert first.run("OBJECT", "ENCODING", "hash") != second.run("OBJECT", "ENCODING", "hash")
    assert dataset(first) == dataset(second)
    assert set(dataset(first).types) == set(READS)
    assert dataset(first).ending == 1


@pytest.mark.parametrize(
    "change", CHANGES, ids=lambda change: " ".join(str(word)[:12] for word in change[:3])
)
def test_any_change_is_another_digest(server, change):
    engine = server("only")
    put(engine)
    before = dataset(engine).digest

    engine.run(*change)

    assert dataset(engine).digest != before


def test_a_cluster_that_was_started_from_a_file_has_the_digest_of_the_one_that_wrote_it(server):
    engine = server("old")
    shop_data.put(engine, KEYS)
    before = dataset(engine)

    restored = server("new", saved(engine))

    assert before.keys > KEYS * 0.9
    assert set(before.types) == set(READS)
    assert dataset(restored) == before
    engine.flush()
    assert dataset(engine).keys == 0
    assert dataset(engine).digest != before.digest


def test_the_digest_of_a_server_that_is_gone_is_an_error(server, rack):
    engine = server("gone")
    rack.kill(engine)

    with pytest.raises(ServerDown):
        dataset(engine)


# A file


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda data: data.replace(shop_data.NAME.encode(), b"Borner shop"),
            "Wrong RDB checksum expected",
        ),
        (lambda data: data[: len(data) // 2], "Short read"),
        (lambda data: b"VALKEY" + data[6:], "Wrong signature"),
    ],
)
def test_no_server_starts_from_a_damaged_file_and_its_log_says_why(server, rack, damage, says):
    engine = server("old")
    shop_data.put(engine, KEYS)
    data = damage(saved(engine))

    with pytest.raises(AssertionError):
        server("new", data)

    words = refusal((rack.directory / "new.log").read_text().splitlines())
    assert says in words[0]
    assert len(words) <= 4


# Changes


@pytest.fixture
def noted(tmp_path):
    """A notebook with these notes, as it is read."""
    places = iter(range(9))

    def make(*written):
        notebook = tmp_path / str(next(places))
        notebook.write_bytes(b"".join(note(*one) for one in written))
        return notes(notebook)

    return make


def test_changes_up_to_the_snapshot_are_kept_and_those_after_it_are_gone(server, noted):
    engine = server("only")
    writers = {
        0: noted(*((number, number % 3, 10.0 + number) for number in range(1, 9))),
        1: noted((1, 7, 12.5), (2, 8, 20.0)),
    }
    put(engine, [("SET", count_key(0), 5), ("SET", count_key(1), 1)])
    put(
        engine,
        [
            ("HSET", product_key(product), "change", sign)
            for product, sign in ((0, "0:3"), (1, "0:4"), (2, "0:5"), (7, "1:1"))
        ],
    )

    loss = count(engine, writers)

    assert (loss.kept, loss.gone) == (6, 4)
    assert (loss.products, loss.wrong) == (4, 0)
    assert (loss.first, loss.moment) == (11.0, 16.0)
    assert sum(kept for _, kept, _ in loss.bars) == 6
    assert sum(gone for _, _, gone in loss.bars) == 4


@pytest.mark.parametrize(
    "sign",
    ["0:1", "0:6", "2:1"],
    ids=["an older change", "a change after the moment", "a stranger's change"],
)
def test_a_product_that_is_not_of_the_snapshots_moment_is_found(server, noted, sign):
    engine = server("only")
    put(engine, [("SET", count_key(0), 4), ("HSET", product_key(1), "change", sign)])

    loss = count(engine, {0: noted(*((number, 1, float(number)) for number in range(1, 7)))})

    assert loss.wrong == 1


def test_a_change_that_was_made_and_never_acknowledged_is_not_held_against_the_snapshot(
    server, noted
):
    engine = server("only")
    put(engine, [("SET", count_key(0), 3), ("HSET", product_key(1), "change", "0:3")])

    loss = count(engine, {0: noted((1, 1, 1.0), (2, 1, 2.0))})

    assert (loss.kept, loss.gone, loss.wrong) == (2, 0, 0)


@pytest.mark.parametrize(
    "command",
    [
        ("HSET", product_key(1), "change", "x"),
        ("HSET", product_key(1), "change", "0:1:2"),
        ("HSET", product_key(1), "change", f"0:{'9' * 5_000}"),
        ("HSET", product_key(1), "change", ""),
        ("SET", product_key(1), "x"),
    ],
    ids=["a word", "three parts", "a long number", "nothing", "no hash"],
)
def test_a_product_that_somebody_else_signed_is_skipped(server, noted, command):
    engine = server("only")
    put(engine, [("SET", count_key(0), 2), ("HSET", product_key(2), "change", "0:2"), command])

    loss = count(engine, {0: noted((1, 1, 1.0), (2, 2, 2.0), (3, 2, 3.0))})

    assert (loss.kept, loss.gone, loss.products, loss.wrong) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    "command",
    [
        ("SET", count_key(0), "x"),
        ("SET", count_key(0), "9" * 5_000),
        ("SET", count_key(0), "-1"),
        ("LPUSH", count_key(0), "1"),
    ],
    ids=["a word", "a long number", "less than nothing", "a list"],
)
def test_a_count_that_is_no_number_says_that_nothing_is_kept(server, noted, command):
    engine = server("only")
    put(engine, [command])

    loss = count(engine, {0: noted((1, 1, 1.0), (2, 2, 2.0))})

    assert (loss.kept, loss.gone) == (0, 2)


def test_a_note_that_is_half_written_is_left_out(tmp_path):
    notebook = tmp_path / "0"
    notebook.write_bytes(note(1, 5, 2.5) + note(2, 6, 3.5) + note(4, 7, 4.5)[:-3])

    found = notes(notebook)

    assert (list(found.numbers), list(found.products), list(found.times)) == (
        [1, 2],
        [5, 6],
        [2.5, 3.5],
    )
    assert found.has(2)
    assert not found.has(4)
    assert found.between(2.5, 3.0) == 1
    assert not notes(tmp_path / "none")


def test_a_writer_whose_notebook_is_full_says_so_once(server, tmp_path, monkeypatch):
    monkeypatch.setattr("labs.setups.changes.workload.MOST_NOTES", 5)
    address, (ours, theirs) = server("only").address, Pipe()
    spec = ChangesSpec(
        rate_per_s=1_000.0,
        redis=Route(address, address, "", 0),
        access=Access("shop", "secret"),
        notebook=str(tmp_path / "0"),
        products=9,
    )
    writing = Thread(target=loop.run, args=(spec.program(Commits()), theirs))
    writing.start()
    told = [ours.recv() for _ in range(4)]
    ours.send(None)
    writing.join()
    ours.close()

    assert len(notes(tmp_path / "0")) == 5
    assert ["is full with 5 changes" in batch.idle_because for batch in told].count(True) == 1


# On the bench


@pytest.fixture(scope="module")
def place():
    """A supervisor, and the directory below which its sandboxes lie."""
    supervisor, directory = own_supervisor()
    try:
        yield supervisor, Path(directory.name)
    finally:
        supervisor.close()
        directory.cleanup()


class Bench(Opened):
    """An open sandbox of the lab, with its tables as they were told last."""

    def __init__(self, supervisor, directory):
        super().__init__(supervisor, "backup-restore")
        self._directory = directory
        self.call("set", name="keys", value=2_000)

    def table(self, name):
        return next(
            (
                event.rows
                for event in reversed(self.told)
                if event.type == "table-changed" and event.table == name
            ),
            [],
        )

    def do(self, name, **fields):
        return self.call("action", name=name, fields=fields)["message"]

    def files(self):
        """The RDB files of this sandbox, by where they lie."""
        return sorted(
            str(path.relative_to(path.parents[1])) for path in self._directory.rglob("*.rdb")
        )

    def names(self):
        return [row["backup"] for row in self.table("backups")]


@pytest.fixture
def bench(place):
    made = Bench(*place)
    yield made
    made.end()


def test_a_backup_lies_outside_the_servers_directory_and_goes_with_its_entry(bench):
    bench.do("fill")

    bench.do("take")
    bench.do("copy")

    assert bench.files() == ["backups/backup-001-copy.rdb", "backups/backup-001.rdb"]
    bench.do("delete", backup="backup-001")
    assert bench.files() == ["backups/backup-001-copy.rdb"]
    assert bench.names() == ["backup-001-copy"]
    statuses = [
        row["status"]
        for event in bench.told
        if event.type == "table-changed" and event.table == "backups"
        for row in event.rows
    ]
    assert list(dict.fromkeys(statuses)) == ["creating", "available", "copying"]


def test_a_restore_leaves_no_file_beside_the_new_cluster_which_is_empty_after_a_restart(bench):
    bench.do("fill")
    bench.do("take")

    assert "shop-restored is there" in bench.do("restore")

    assert bench.files() == ["backups/backup-001.rdb"]
    with pytest.raises(NotNow):
        bench.do("restore")
    bench.server("restart", "shop-restored-001")
    assert (
        bench.call("console", server="shop-restored-001", command="DBSIZE")["output"]
        == "(integer) 0"
    )
    bench.server("restart", "shop-001")
    assert bench.call("console", server="shop-001", command="DBSIZE")["output"] == "(integer) 0"


def test_what_a_learner_does_in_the_console_is_an_accident_too(bench):
    bench.do("fill")
    bench.do("take")
    bench.call("console", server="shop-001", command="FLUSHALL")

    bench.do("restore")

    shop = next(row for row in bench.table("comparison") if row["what"] == "shop")
    assert (shop["keys"], shop["digest"]) == (0, "empty")


def test_what_a_learner_writes_over_the_counts_does_not_stop_a_restore(bench):
    bench.do("fill")
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
    bench.do("take")

    assert "shop-restored is there" in bench.do("restore")


def test_a_refused_restore_leaves_no_file_beside_the_new_cluster(bench):
    bench.do("fill")
    bench.do("take")
    bench.do("damage")

    assert "No cluster starts" in bench.do("restore")

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
    bench.do("fill")
    with ThreadPoolExecutor(1) as aside:
        taken = aside.submit(bench.do, "take")
        eventually(lambda: any("temp-" in file for file in bench.files()))

        bench.server("kill", "shop-001")

        with pytest.raises(ServerDown):
            taken.result()
    assert bench.names() == []
    assert bench.files() == []


def test_there_are_only_so_many_backups(bench):
    bench.do("fill")
    bench.do("take")
    for _ in range(MOST_BACKUPS - 1):
        bench.do("copy", backup="backup-001")

    with pytest.raises(NotNow):
        bench.do("take")
    with pytest.raises(NotNow):
        bench.do("damage", backup="backup-001", how="cut")
    assert len(bench.files()) == len(set(bench.names())) == MOST_BACKUPS


@pytest.mark.parametrize("name", ["../redis", "backup-999", "backup-001\n"])
def test_a_backup_that_is_not_in_the_list_cannot_be_named(bench, name):
    bench.do("fill")
    bench.do("take")

    with pytest.raises(BadInput):
        bench.do("restore", backup=name)


def test_a_fresh_start_has_no_backups_and_no_restored_cluster(bench):
    bench.do("fill")
    bench.do("take")
    bench.do("damage")
    bench.do("restore")
    assert bench.states("shop-restored-001")[-1] == "down"

    bench.call("reset")

    assert bench.states("shop-restored-001")[-1] == "stopped"
    assert bench.files() == []
    assert bench.table("backups") == []
    with pytest.raises(BadInput):
        bench.do("restore")


def test_a_lab_without_code_has_nothing_to_step_through(bench):
    with pytest.raises(BadInput):
        bench.call("step", verb="start")
