"""Races on real servers: the same order ends the same way, a lock is recognised and let go, and
trouble is reported instead of waited for.
"""

import pytest

from labs.errors import NotNow
from tests.sandboxes import Opened
from tests.waiting import eventually

STALE = "AABBBA"
ROW = "SELECT price, version FROM products WHERE product_id = 42"


class Bench(Opened):
    """An open sandbox of the lab write-through-race."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "write-through-race")

    def set(self, **settings):
        for name, value in settings.items():
            self.call("set", name=name, value=value)

    def play(self, order):
        sentence = self.call("action", name="play", fields={"order": order})["message"]
        return sentence, self.table("played")

    def run_all(self):
        return self.call("action", name="run-all")["message"], self.table("orders")

    def notes(self):
        return [event.text for event in self.told if event.type == "note-added"]

    def loads(self):
        return [event.running for event in self.told if event.type == "load-changed"]


@pytest.fixture
def bench(supervisor):
    opened = Bench(supervisor)
    yield opened
    opened.end()


def test_the_same_order_ends_the_same_way_every_time(bench):
    for _ in range(5):
        sentence, rows = bench.play(STALE)

        assert "Stale, for up to 60 s" in sentence
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

    sentence, _ = bench.play(STALE)

    assert "Stale, without end" in sentence
    assert "-1" in bench.console("cache", "TTL row:42")


def test_all_orders_of_two_workers_are_played_and_leave_the_row_as_it_was(bench):
    before = bench.console("database", ROW)
    bench.set(strategy="lease")

    _, rows = bench.run_all()

    assert len(rows) == 70
    assert {row["outcome"] for row in rows} == {"fresh", "empty"}
    assert bench.console("database", ROW) == before


def test_a_row_lock_makes_an_order_impossible_and_is_let_go(bench):
    bench.set(race="two-writers")
    before = bench.console("database", ROW)

    sentence, rows = bench.play("ABAABB")

    assert "impossible" in sentence
    assert [row["meaning"] for row in rows][:2] == ["write", "waits"]
    assert bench.console("database", ROW) == before
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


def test_a_lock_of_another_client_is_reported_and_not_waited_for(bench):
    bench.console("database", "BEGIN")
    bench.console("database", "UPDATE products SET price = price WHERE product_id = 42")

    with pytest.raises(NotNow, match="Another session has locked this row"):
        bench.play(STALE)

    bench.console("database", "ROLLBACK")
    assert "Stale" in bench.play(STALE)[0]


def test_a_paused_server_is_resumed_for_a_race_which_says_so(bench):
    bench.call("server", name="database", verb="pause")

    assert "Stale" in bench.play(STALE)[0]
    assert "For this measurement database was resumed" in bench.notes()


def test_a_load_is_stopped_for_a_race_which_says_so(bench):
    bench.set(rate_per_s=50)
    bench.call("load", verb="start")

    assert bench.run_all()[1]
    assert "For this measurement the load was stopped" in bench.notes()
    assert bench.loads() == [True, False]


def test_setting_another_strategy_shows_its_steps_and_forgets_the_orders(bench):
    bench.run_all()

    bench.set(strategy="delete-first")

    assert bench.table("orders") == []
    assert [row["step"] for row in bench.table("played") if row["worker"] == "B"] == [
        "delete cache",
        "write DB",
        "commit",
    ]
    eventually(
        lambda: any(
            event.type == "check-changed"
            and (event.check, event.status) == ("write-through-stale", "met")
            for event in bench.told
        )
    )
