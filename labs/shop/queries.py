"""What the shop asks its database: the text that a learner reads is the text that runs.

Three reads of different cost, one statement each, all indexed; parameters are named with a colon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ROW = """\
SELECT product_id, name, price, version
  FROM products
 WHERE product_id = :product_id"""

PAGE = """\
SELECT p.product_id, p.name, p.price, p.version, c.name AS category,
       (SELECT sum(quantity) FROM inventory i WHERE i.product_id = p.product_id) AS stock,
       rated.reviews, rated.average, rated.stars, newest.newest, bought.also_bought
  FROM products p
  JOIN categories c USING (category_id),
       LATERAL (SELECT count(*) AS reviews, round(avg(stars), 2) AS average,
                       ARRAY[count(*) FILTER (WHERE stars = 1), count(*) FILTER (WHERE stars = 2), count(*) FILTER (WHERE stars = 3),
                             count(*) FILTER (WHERE stars = 4), count(*) FILTER (WHERE stars = 5)] AS stars
                  FROM reviews r WHERE r.product_id = p.product_id) AS rated,
       LATERAL (SELECT json_agg(json_build_object('stars', stars, 'title', title, 'by', name, 'on', written_on)) AS newest
                  FROM (SELECT stars, title, name, written_on
                          FROM reviews JOIN customers USING (customer_id)
                         WHERE product_id = p.product_id ORDER BY review_id DESC LIMIT 5) AS latest) AS newest,
       LATERAL (SELECT json_agg(json_build_object('product_id', product_id, 'name', name, 'times', times)) AS also_bought
                  FROM (SELECT other.product_id, count(*) AS times
                          FROM order_items mine JOIN order_items other USING (order_id)
                         WHERE mine.product_id = p.product_id AND other.product_id <> p.product_id
                         GROUP BY other.product_id ORDER BY times DESC, other.product_id LIMIT 5) AS often
                  JOIN products USING (product_id)) AS bought
 WHERE p.product_id = :product_id"""

RANKING = """\
SELECT c.category_id, c.name AS category,
       (SELECT sum(version) FROM products WHERE category_id = c.category_id) AS version,
       (SELECT json_agg(best)
          FROM (SELECT p.product_id, p.name, p.price, count(*) AS reviews,
                       round((sum(stars) + 60) / (count(*) + 20.0), 3) AS score
                  FROM products p JOIN reviews r USING (product_id)
                 WHERE p.category_id = c.category_id
                 GROUP BY p.product_id ORDER BY score DESC, p.product_id LIMIT 10) AS best) AS products
  FROM categories c
 WHERE c.category_id = :category_id"""

CHANGE_PRICE = """\
UPDATE products
   SET price = :price, version = version + 1
 WHERE product_id = :product_id
RETURNING version"""

CHANGE_PRICE_RETURNING_ROW = """\
UPDATE products
   SET price = :price, version = version + 1
 WHERE product_id = :product_id
RETURNING product_id, name, price, version"""

CHANGE_PRICE_IN_CATEGORY = """\
WITH changed AS (
    UPDATE products
       SET price = :price, version = version + 1
     WHERE product_id = (SELECT min(product_id) FROM products WHERE category_id = :category_id)
    RETURNING category_id)
SELECT sum(version) + 1 AS version
  FROM products JOIN changed USING (category_id)"""

READS: Mapping[str, str] = {"row": ROW, "page": PAGE, "ranking": RANKING}
WRITES: Mapping[str, str] = {
    "row": CHANGE_PRICE,
    "page": CHANGE_PRICE,
    "ranking": CHANGE_PRICE_IN_CATEGORY,
}
KEYS: Mapping[str, str] = {"row": "product_id", "page": "product_id", "ranking": "category_id"}
_VERSION = "SELECT version FROM products WHERE product_id = :product_id"
VERSIONS: Mapping[str, str] = {
    "row": _VERSION,
    "page": _VERSION,
    "ranking": "SELECT sum(version) AS version FROM products WHERE category_id = :category_id",
}

_NAMED = re.compile(r"(?<!:):([a-z_]+)")


def to_psycopg(statement: str) -> str:
    """The statement with psycopg's way to name a parameter."""
    return _NAMED.sub(r"%(\1)s", statement)


def filled_in(statement: str, values: Mapping[str, object]) -> str:
    """The statement with its parameters written out, to be read by people; it is never run."""
    return _NAMED.sub(lambda found: str(values[found[1]]), statement)
