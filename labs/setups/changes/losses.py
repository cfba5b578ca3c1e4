"""Which of the writers' changes a restored cluster has, and which it lacks. The cluster's data
shows the last change of each writer that it has; the notebooks show all changes that were
acknowledged.

A snapshot shows one moment: it has every change up to a number, and none after it. To verify this,
each product is compared with the notebooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labs.engines.redis import Redis
from labs.setups.changes.shop_data import run_all
from labs.setups.changes.workload import Notes, count_key, product_key

BARS = 60
_COUNT, _SIGN = re.compile(rb"([0-9]{1,9})"), re.compile(rb"([0-9]{1,9}):([0-9]{1,9})")
"""What a writer stores in its count and on a product.

A value that a learner wrote over it at the console does not match, and is skipped.
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """How many of the acknowledged changes the cluster has (`kept`) and lacks (`gone`).

    `products` carry a change; on the `wrong` ones it is not the last one that was made before the
    snapshot's moment. `moment` is when the first change that is gone was acknowledged, 0 if none
    is; `bars` are equal parts of the time from the first change to the last: when each begins
    (seconds after the first), kept, gone.
    """

    kept: int
    gone: int
    products: int = 0
    wrong: int = 0
    first: float = 0.0
    moment: float = 0.0
    bars: tuple[tuple[float, int, int], ...] = ()


def count(engine: Redis, writers: Mapping[int, Notes]) -> Loss:
    """Compare a cluster with the notebooks. Raises ServerDown."""
    asked = run_all(engine, (("GET", count_key(writer)) for writer in writers))
    reached = {
        writer: int(counted[1])
        if isinstance(value, bytes) and (counted := _COUNT.fullmatch(value))
        else 0
        for writer, value in zip(writers, asked, strict=True)
    }
    kept = {writer: noted.up_to(reached[writer]) for writer, noted in writers.items()}
    signed, wrong = _products(engine, writers, reached)
    return Loss(
        kept=sum(kept.values()),
        gone=sum(len(noted) - kept[writer] for writer, noted in writers.items()),
        products=signed,
        wrong=wrong,
        first=min((noted.times[0] for noted in writers.values() if noted), default=0.0),
        moment=min(
            (
                noted.times[kept[writer]]
                for writer, noted in writers.items()
                if kept[writer] < len(noted)
            ),
            default=0.0,
        ),
        bars=_bars(writers, kept),
    )


def _products(
    engine: Redis, writers: Mapping[int, Notes], reached: Mapping[int, int]
) -> tuple[int, int]:
    """How many products carry a change of the notebooks, and on how many of them it is not the last
    one that their writer made before the snapshot's moment.
    """
    last: dict[tuple[int, int], int] = {}
    for writer, noted in writers.items():
        for place in range(noted.up_to(reached[writer])):
            last[writer, noted.products[place]] = noted.numbers[place]
    products = sorted({product for noted in writers.values() for product in noted.products})
    asked = run_all(engine, (("HGET", product_key(product), "change") for product in products))
    signed = wrong = 0
    for product, sign in zip(products, asked, strict=True):
        signs = _SIGN.fullmatch(sign) if isinstance(sign, bytes) else None
        if signs is None:
            continue
        writer, number = int(signs[1]), int(signs[2])
        # A change may have been made and never acknowledged: no notebook has it.
        unacknowledged = (
            writer in writers and not writers[writer].has(number) and number <= reached[writer]
        )
        signed += 1
        wrong += last.get((writer, product)) != number and not unacknowledged
    return signed, wrong


def _bars(
    writers: Mapping[int, Notes], kept: Mapping[int, int]
) -> tuple[tuple[float, int, int], ...]:
    ends = [(noted.times[0], noted.times[-1]) for noted in writers.values() if noted]
    if not ends:
        return ()
    first = min(begin for begin, _ in ends)
    length = max(max(end for _, end in ends) - first, 0.001)
    counted = [[0, 0] for _ in range(BARS)]
    for writer, noted in writers.items():
        for place, at in enumerate(noted.times):
            counted[min(BARS - 1, int((at - first) / length * BARS))][place >= kept[writer]] += 1
    return tuple(
        (round(number * length / BARS, 4), some, others)
        for number, (some, others) in enumerate(counted)
    )
