"""The puzzle of the start page is what the file of the lab says, in words."""

from labs.recording import FILE, LAB, SETTINGS
from portal.learn import puzzle as puzzles
from portal.learn.puzzle import puzzle


def test_every_order_of_two_workers_with_three_steps_is_there():
    letters = [order.letters for order in puzzle().orders]

    assert len(letters) == len(set(letters)) == 20
    assert all(sorted(order) == list("AAABBB") for order in letters)


def test_three_of_them_are_stale():
    assert {order.letters for order in puzzle().stale} == {"AABBBA", "ABABBA", "BAABBA"}


def test_in_each_stale_order_a_reads_before_b_commits_and_stores_last():
    """The page says so once all were found."""
    for order in puzzle().stale:
        names = [(step.worker, step.name) for step in order.steps]

        assert names.index(("A", "Read the database")) < names.index(("B", "Commit"))
        assert names[-1] == ("A", "Store in the cache")
        assert names.index(("B", "Store in the cache")) < len(names) - 1


def test_a_stale_order_names_both_prices():
    fresh, stale = puzzle().first, puzzle().stale[0]

    assert fresh.verdict == "Not stale."
    assert stale.verdict == "Stale."
    old = fresh.steps[1].left.removeprefix("Version 1: ").rstrip(".")
    assert f"the cache still holds {old}" in stale.end
    assert "for up to 60 s" in stale.end


def test_a_reader_that_comes_last_needs_no_more_than_the_cache():
    last = next(order for order in puzzle().orders if order.letters == "BBBAAA")

    assert [step.sense for step in last.steps[3:]] == ["hit", "none", "none"]
    assert last.steps[5].left == "Not needed: the cache had it."


def test_the_orders_for_the_script_say_the_same():
    data = puzzle().data

    for order in puzzle().orders:
        found = data["orders"][order.letters]
        assert [data["texts"][text] for _, text in found["steps"]] == [
            step.left for step in order.steps
        ]


def test_a_link_with_the_order_alone_opens_the_recorded_race():
    defaults = puzzle().lab.settings()

    assert {name: defaults[name] for name in SETTINGS} == SETTINGS
    assert (puzzles.LAB, puzzles.FILE) == (LAB, FILE)
