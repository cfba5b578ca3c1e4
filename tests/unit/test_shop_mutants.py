"""Mutants of labs over the shop: what is wrong is said once, by the function that does it."""

from labs.lab import check
from labs.setups.shop.mutants import (
    mistake,
    read_never_stores,
    read_tags_one_item,
    write_tags_one_item,
)
from labs.setups.shop.strategies import CACHE_ASIDE, NO_CACHE


@check("It is seen")
def seen(sandbox):
    raise NotImplementedError


def test_a_mutant_is_called_like_its_function_and_does_what_the_docstring_says():
    made = mistake(seen, CACHE_ASIDE, NO_CACHE, read=read_never_stores)

    assert made.name == "never-stores"
    assert made.about == "asks the cache and never stores what it fetched"
    assert made.caught_by is seen
    assert [one.read for one in made.strategies.values()] == [read_never_stores] * 2
    assert made.strategies["cache-aside"].write is CACHE_ASIDE.write


def test_a_mutant_may_read_and_write_wrongly():
    made = mistake(seen, CACHE_ASIDE, read=read_tags_one_item, write=write_tags_one_item)

    assert made.name == "tags-one-item"
    assert made.about == (
        "has a generation for each item, not for its category; counts up the item's own generation"
    )
