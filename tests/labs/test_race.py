"""Races on real servers: the same order ends the same way, a lock is recognised and let go, and
trouble is told instead of waited for.
"""

import pytest

from labs.errors import NotNow
from labs.headless import own_supervisor
from tests.waiting import eventually

STALE = "AABBBA"


@pytest.fixture(scope="module")
def supervisor():
    supervisor, directory = own_supervisor()
    try:
        yield supervisor
    finally:
        supervisor.close()
        directory.cleanup()


class Bench:
    """An open sandbox of the lab, with its tables as they were told last."""

    def __init__(self, supervisor):
        self.supervisor, self.tables, self.checks = supervisor, {}, {}
        self.sandbox = supervisor.open("write-through-race", {}, on_event=self._hear)

    def _hear(self, entry):
        event = entry.event
        if event.type == "table-changed":
            self.tables[event.table] = event.rows
        if event.type == "check-changed":
            self.checks[event.check] = event.status

    def call(self, call, **args):
        return self.supervisor.call(self.sandbox, call, **args)

    def set(self, **settings):
        for name, value in settings.items():
            self.call("set", name=name, value=value)

    def play(self, order):
        says = self.call("action", name="play", fields={"order": order})["message"]
        return says, self.tables["played"]

    def run_all(self):
        return self.call("action", name="run-all")["message"], self.tables["orders"]

    def console(self, server, command):
        return self.call("console", server=server, command=command)["output"]


@pytest.fixture
def bench(supervisor):
    made = Bench(supervisor)
    yield made
    supervisor.end(made.sandbox, "the test is over")


def test_the_same_order_ends_the_same_way_every_time(bench):
    for _ in range(5):
        says, rows = bench.play(STALE)

        assert "Stale, for up to 60 s" in says
        assert "".join(row["worker"] for row in rows) == STALE
        assert rows[-1]["meaning"] == "stale"
        assert rows[-2]["committed"] - rows[-2]["cached"] == 1


def test_what_a_play_left_can_be_seen_in_the_consoles(bench):
    bench.play(STALE)

    cached, committed = (
        bench.console("cache", "GET row:42"),
        bench.console("database", "SELECT version FROM products WHERE product_id = 42"),
    )

    assert 'version\\": 1}' in cached.replace("\\\\", "\\") or '"version": 1}' in cached
    assert "2" in committed


def test_without_a_time_to_live_it_is_stale_without_end(bench):
    bench.set(ttl_s="0")

    says, _ = bench.play(STALE)

    assert "Stale, without end" in says
    assert "-1" in bench.console("cache", "TTL row:42")


def test_all_orders_of_two_workers_are_played_and_leave_the_row_as_it_was(bench):
    before = bench.console("database", "SELECT price, version FROM products WHERE product_id = 42")
    bench.set(strategy="lease")

    _, rows = bench.run_all()

    assert len(rows) == 70
    assert {row["outcome"] for row in rows} == {"fresh", "empty"}
    assert (
        bench.console("database", "SELECT price, version FROM products WHERE product_id = 42")
        == before
    )


def test_a_row_lock_makes_an_order_impossible_and_is_let_go(bench):
    bench.set(race="two-writers")
    before = bench.console("database", "SELECT price, version FROM products WHERE product_id = 42")

    says, rows = bench.play("ABAABB")

    assert "impossible" in says
    assert [row["meaning"] for row in rows][:2] == ["write", "waits"]
    assert (
        bench.console("database", "SELECT price, version FROM products WHERE product_id = 42")
        == before
    )
    assert "0" in bench.console(
        "database", "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock'"
    )
    assert "Fresh" in bench.play("AAABBB")[0]


def test_impossible_orders_are_counted_with_all_that_begin_so(bench):
    bench.set(race="two-writers")

    _, rows = bench.run_all()

    assert {row["order"]: row["stands_for"] for row in rows if row["outcome"] == "impossible"} == {
        "AB…": 6,
        "BA…": 6,
    }
    assert sum(row["stands_for"] for row in rows) == 20


def test_a_sample_is_the_same_every_time(bench):
    bench.set(race="reader-two-writers", strategy="cache-aside")

    first, again = bench.run_all()[1], bench.run_all()[1]

    assert [(row["order"], row["outcome"]) for row in first] == [
        (row["order"], row["outcome"]) for row in again
    ]


def test_a_lock_of_somebody_else_is_told_and_not_waited_for(bench):
    bench.console("database", "BEGIN")
    bench.console("database", "UPDATE products SET price = price WHERE product_id = 42")

    with pytest.raises(NotNow, match="Somebody else holds a lock"):
        bench.play(STALE)

    bench.console("database", "ROLLBACK")
    assert "Stale" in bench.play(STALE)[0]


def test_a_paused_server_is_told_and_not_waited_for(bench):
    bench.call("server", name="database", verb="pause")

    with pytest.raises(NotNow, match="database is not up"):
        bench.play(STALE)

    bench.call("server", name="database", verb="resume")
    assert "Stale" in bench.play(STALE)[0]


def test_nothing_races_beside_a_load(bench):
    bench.set(rate_per_s=50)
    bench.call("load", verb="start")

    with pytest.raises(NotNow, match="load is running"):
        bench.run_all()

    bench.call("load", verb="stop")
    assert bench.run_all()[1]


def test_setting_another_strategy_tells_its_steps_and_forgets_the_orders(bench):
    bench.run_all()

    bench.set(strategy="delete-first")

    assert bench.tables["orders"] == []
    assert [row["step"] for row in bench.tables["played"] if row["worker"] == "B"] == [
        "delete cache",
        "write DB",
        "commit",
    ]
    eventually(lambda: bench.checks["write-through-stale"] == "met")
