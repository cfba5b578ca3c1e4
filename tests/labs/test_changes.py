"""What is counted after a restore: changes that were acknowledged, against what the server has."""

from multiprocessing import Pipe
from threading import Thread

import pytest

from labs.clients.access import Access
from labs.load import loop
from labs.load.commits import Commits
from labs.network.links import Route
from labs.setups.changes.losses import count
from labs.setups.changes.workload import ChangesSpec, count_key, note, notes, product_key


def run_all(engine, commands):
    for command in commands:
        engine.run(*command)


@pytest.fixture
def noted(tmp_path):
    """A notebook with these notes, as it is read."""
    places = iter(range(9))

    def make(*written):
        notebook = tmp_path / str(next(places))
        notebook.write_bytes(b"".join(note(*one) for one in written))
        return notes(notebook)

    return make


def test_changes_up_to_the_snapshot_are_kept_and_those_after_it_are_gone(start_redis, noted):
    engine = start_redis("only")
    writers = {
        0: noted(*((number, number % 3, 10.0 + number) for number in range(1, 9))),
        1: noted((1, 7, 12.5), (2, 8, 20.0)),
    }
    run_all(engine, [("SET", count_key(0), 5), ("SET", count_key(1), 1)])
    run_all(
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
def test_a_product_that_is_not_of_the_snapshots_moment_is_found(start_redis, noted, sign):
    engine = start_redis("only")
    run_all(engine, [("SET", count_key(0), 4), ("HSET", product_key(1), "change", sign)])

    loss = count(engine, {0: noted(*((number, 1, float(number)) for number in range(1, 7)))})

    assert loss.wrong == 1


def test_a_change_that_was_made_and_never_acknowledged_is_not_held_against_the_snapshot(
    start_redis, noted
):
    engine = start_redis("only")
    run_all(engine, [("SET", count_key(0), 3), ("HSET", product_key(1), "change", "0:3")])

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
def test_a_product_that_a_stranger_signed_is_skipped(start_redis, noted, command):
    engine = start_redis("only")
    run_all(engine, [("SET", count_key(0), 2), ("HSET", product_key(2), "change", "0:2"), command])

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
def test_a_count_that_is_no_number_says_that_nothing_is_kept(start_redis, noted, command):
    engine = start_redis("only")
    run_all(engine, [command])

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


def test_a_writer_whose_notebook_is_full_says_so_once(start_redis, tmp_path, monkeypatch):
    monkeypatch.setattr("labs.setups.changes.workload.MOST_NOTES", 5)
    address, (ours, theirs) = start_redis("only").address, Pipe()
    spec = ChangesSpec(
        rate_per_s=1_000.0,
        link="shop",
        redis=Route(address, address, "", 0),
        access=Access("shop", "secret"),
        notebook=str(tmp_path / "0"),
        products=9,
    )
    writing = Thread(target=loop.run, args=(spec.program(Commits()), theirs))
    writing.start()
    batches = [ours.recv() for _ in range(4)]
    ours.send(None)
    writing.join()
    ours.close()

    assert len(notes(tmp_path / "0")) == 5
    assert ["is full with 5 changes" in batch.idle_because for batch in batches].count(True) == 1
