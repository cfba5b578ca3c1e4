"""A comparison of trials: what its table holds before, during and after it."""

from types import SimpleNamespace

import pytest

from labs.setups.shop import trials

TABLE = "comparison"


@pytest.fixture
def sandbox():
    """A sandbox that only has settings and tables."""
    made = SimpleNamespace(settings={"strategy": "lazy", "behind_percent": 0.0}, found={})
    made.set = made.settings.__setitem__
    made.tabulate = made.found.__setitem__
    return made


def compare(sandbox, **more):
    def try_one(sandbox, name):
        sandbox.set("strategy", name)
        behind = sandbox.settings["behind_percent"]
        row = {"strategy": f"{name} {behind}", "behind_percent": behind}
        trials.put_row(sandbox, TABLE, row, by="strategy")

    trials.compare(sandbox, TABLE, "strategy", ("no-cache", "lazy-ttl"), try_one, **more)


def labels(sandbox):
    return [row["strategy"] for row in sandbox.found[TABLE]]


def test_a_comparison_empties_its_table_and_puts_the_setting_back(sandbox):
    sandbox.found[TABLE] = [{"strategy": "old", "behind_percent": 20.0}]

    compare(sandbox)

    assert labels(sandbox) == ["no-cache 0.0", "lazy-ttl 0.0"]
    assert sandbox.settings["strategy"] == "lazy"


def test_a_comparison_keeps_the_rows_that_it_does_not_repeat(sandbox):
    compare(sandbox)
    sandbox.set("behind_percent", 20.0)

    compare(sandbox, keeps=lambda row: row["behind_percent"] != 20.0)

    assert labels(sandbox) == ["no-cache 0.0", "lazy-ttl 0.0", "no-cache 20.0", "lazy-ttl 20.0"]


def test_a_comparison_ends_early_when_nothing_can_be_met_any_more(sandbox):
    compare(sandbox, ends=lambda: True)

    assert labels(sandbox) == ["no-cache 0.0"]
