"""The data of the shop's cluster: products, carts, rankings, sessions, of every type that Redis
has, some with a TTL. It is the same for the same number of keys, but for the TTLs.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

from labs.engines.redis import Redis
from labs.setups.changes.workload import product_key

AT_ONCE = 500
ANSWERS_S = 3.0
NAME_KEY, NAME = "shop:name", "Corner shop"
"""A short value, which an RDB file holds uncompressed: there a single bit can be turned."""
PAGE_KEY = "page:{}"
SESSION_S = (6 * 3600, 24 * 3600)
_WORDS = (
    "brass lamp oak linen chair table blue small kettle warm "
    "glass round north paper clock wool shelf green plain light"
).split()

Command = tuple[str | int | bytes, ...]


def products_of(keys: int) -> int:
    """How many of the keys are products."""
    return max(1, round(keys * 0.7))


def commands(keys: int, seed: int = 7) -> Iterator[Command]:
    """The commands that write this number of keys, within a few."""
    chance = random.Random(seed)

    def words(count: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(count))

    yield ("SET", NAME_KEY, NAME)
    products = products_of(keys)
    for product in range(1, products + 1):
        yield (
            "HSET",
            product_key(product),
            "name",
            words(2),
            "price",
            f"{1 + chance.random() * 199:.2f}",
            "stock",
            chance.randrange(500),
            "about",
            words(24),
        )
    for page in range(1, round(keys * 0.08) + 1):
        yield ("SET", PAGE_KEY.format(page), f"<h1>{words(3)}</h1><p>{words(30)}</p>")
    for _ in range(round(keys * 0.16)):
        yield (
            "SET",
            f"session:{chance.randbytes(12).hex()}",
            f'{{"user": "{words(1)}", "cart": {chance.randrange(9)}}}',
            "EX",
            chance.randint(*SESSION_S),
        )
    for cart in range(1, round(keys * 0.03) + 1):
        yield (
            "RPUSH",
            f"cart:{cart}",
            *(chance.randrange(1, products + 1) for _ in range(1 + chance.randrange(6))),
        )
    for tag in range(1, round(keys * 0.01) + 1):
        yield ("SADD", f"tag:{tag}", *(chance.randrange(1, products + 1) for _ in range(20)))
    for category in range(1, round(keys * 0.01) + 1):
        yield (
            "ZADD",
            f"ranking:{category}",
            *(
                part
                for _ in range(20)
                for part in (
                    f"{chance.random() * 5:.2f}",
                    product_key(chance.randrange(1, products + 1)),
                )
            ),
        )
    for day in range(1, round(keys * 0.005) + 1):
        for order in range(1, 5):
            yield (
                "XADD",
                f"orders:{day}",
                f"{day}-{order}",
                "product",
                chance.randrange(1, products + 1),
                "total",
                f"{chance.random() * 300:.2f}",
            )
    yield ("PFADD", "visitors", *(chance.randrange(1_000_000) for _ in range(300)))
    yield ("SETBIT", "open-days", 364, 1)


def put(engine: Redis, keys: int) -> None:
    """Empty the cluster and write this number of keys. Raises ServerDown."""
    engine.flush()
    run_all(engine, commands(keys))


def run_all(engine: Redis, several: Iterable[Command]) -> list[object]:
    """The replies to any number of commands, of which some are sent at once. Raises ServerDown."""
    waiting, replies = iter(several), list[object]()
    while some := list(itertools.islice(waiting, AT_ONCE)):
        replies += engine.run_all(some, ANSWERS_S)
    return replies
