"""Which products are popular: pure arithmetic that the seed and the workload share."""

from __future__ import annotations

PRODUCTS = 2_000
CATEGORIES = 20

# An id does not reveal popularity: ranks are spread over the ids by a step that has no divisor
# in common with PRODUCTS.
STEP = 1_009


def category_of(product_id: int) -> int:
    """The category that a product is in: the seed deals products to categories by their rank."""
    return 1 + (product_id - 1) * pow(STEP, -1, CATEGORIES) % CATEGORIES


def product_ids(count: int) -> tuple[int, ...]:
    """The ids of the most popular products, from rank 1 on."""
    return tuple(1 + rank * STEP % PRODUCTS for rank in range(1, min(count, PRODUCTS) + 1))


def category_ids() -> tuple[int, ...]:
    """The ids of all categories."""
    return tuple(range(1, CATEGORIES + 1))
