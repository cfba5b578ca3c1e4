"""The shop's two phones, on real servers: they show what was answered, and by whom."""

import pytest

from tests.sandboxes import Opened


class Shop(Opened):
    """An open sandbox in which a price change deletes nothing from the cache."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "cache-aside")
        self.call("set", name="invalidate", value="none")

    def do(self, name, **fields):
        return self.call("action", name=name, fields=fields)["message"]

    def kill(self, name):
        self.call("server", name=name, verb="kill")

    @property
    def phones(self):
        return {row["phone"]: row for row in self.table("phones")}


@pytest.fixture
def shop(supervisor):
    opened = Shop(supervisor)
    yield opened
    opened.end()


def test_both_phones_show_what_was_answered(shop):
    shop.do("reload-both-phones", item=42)
    shop.do("reload-both-phones", item=42)

    through, around = shop.phones["through"], shop.phones["around"]
    assert (through["meaning"], around["meaning"]) == ("hit", "read")
    shown = {"name", "price", "stock", "stars", "reviews", "version"}
    assert {name: through[name] for name in shown} == {name: around[name] for name in shown}
    assert through["reviews"] > 0 < through["price"] and through["name"]
    assert through["took_ms"] > 0 < around["took_ms"]


def test_a_stale_price_is_seen_on_the_phone_that_reads_through_the_cache(shop):
    shop.do("reload-both-phones", item=42)
    before = shop.phones["through"]["price"]
    shop.do("change-price", item=42, price=before + 1)

    said = shop.do("reload-both-phones", item=42)

    through, around = shop.phones["through"], shop.phones["around"]
    assert (through["price"], around["price"]) == (before, before + 1)
    assert through["meaning"] == "stale"
    assert "different prices" in said


def test_a_dead_cache_is_named_and_the_shop_still_answers(shop):
    shop.kill("cache")

    shop.do("reload-both-phones", item=42)

    assert shop.phones["through"]["problem"] == ""
    assert shop.phones["through"]["meaning"] == "read"


def test_a_dead_database_is_said_on_both_phones(shop):
    shop.kill("database")

    said = shop.do("reload-both-phones", item=42)

    assert shop.phones["through"]["problem"] and shop.phones["around"]["problem"]
    assert said == "Not every phone got an answer."


def test_one_phone_alone_leaves_the_other_as_it_was(shop):
    shop.do("reload-both-phones", item=42)
    before = shop.phones["around"]

    shop.do("reload-phone-1", item=43)

    assert shop.phones["through"]["item"] == 43
    assert shop.phones["around"] == before
