"""The statements of the shop: one text for readers and for both drivers."""

import pytest

from labs.shop import queries
from labs.shop.popularity import CATEGORIES, PRODUCTS, category_ids, product_ids
from labs.shop.template import split


def test_parameters_are_renamed_and_casts_are_left_alone():
    assert (
        queries.to_psycopg("SELECT a::text WHERE b = :b_id AND c = :c")
        == "SELECT a::text WHERE b = %(b_id)s AND c = %(c)s"
    )


def test_a_statement_is_shown_with_its_values():
    assert queries.filled_in(queries.ROW, {"product_id": 42}).endswith("WHERE product_id = 42")


@pytest.mark.parametrize("statement", [*queries.READS.values(), *queries.WRITES.values()])
def test_each_read_and_write_is_one_statement(statement):
    assert ";" not in statement and "%" not in statement


def test_every_product_has_one_rank():
    ids = product_ids(PRODUCTS)

    assert sorted(ids) == list(range(1, PRODUCTS + 1))
    assert product_ids(10) == ids[:10]
    assert len(category_ids()) == CATEGORIES


def test_a_script_is_split_into_its_statements():
    assert split("-- why; not\nSELECT 1;\n\nSELECT\n  2;\n") == ["SELECT 1", "SELECT\n  2"]
