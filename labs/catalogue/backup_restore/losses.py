"""Which of the writers' changes a restored cluster has, and which it has not: its data says how far each writer had come, the notebooks say how far it came.

A snapshot is one moment: every change up to a number is in it, none after it. That is not taken for granted: each product is held against the notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs.engines import Redis
from labs.load.writers import Note, count_key, product_key

ANSWERS_S = 3.0
AT_ONCE = 500
BARS = 60


@dataclass(frozen=True, slots=True)
class Loss:
    """`kept` and `gone` of the changes that were acknowledged. `products` carry a change; of `wrong` ones it is not the last that was made up to the snapshot's moment.

    `moment` is when the first change that is gone was acknowledged, 0 if none is; `bars` are equal parts of the time from the first change to the last: when each begins (seconds after the first), kept, gone.
    """

    kept: int
    gone: int
    products: int = 0
    wrong: int = 0
    first: float = 0.0
    moment: float = 0.0
    bars: tuple[tuple[float, int, int], ...] = ()


def count(engine: Redis, writers: Mapping[int, Sequence[Note]]) -> Loss:
    """Hold a cluster against the notebooks. Raises ServerDown."""
    reached = {writer: int(value) if isinstance(value, bytes) else 0 for writer, value in zip(writers, engine.run_all([("GET", count_key(writer)) for writer in writers], ANSWERS_S), strict=True)}
    kept = [note for writer, several in writers.items() for note in several if note.number <= reached[writer]]
    gone = [note for writer, several in writers.items() for note in several if note.number > reached[writer]]
    signed, wrong = _products(engine, writers, reached)
    times = [note.acknowledged for note in (*kept, *gone)]
    return Loss(
        kept=len(kept), gone=len(gone), products=signed, wrong=wrong, first=min(times, default=0.0), moment=min((note.acknowledged for note in gone), default=0.0), bars=_bars(kept, gone, times),
    )


def _products(engine: Redis, writers: Mapping[int, Sequence[Note]], reached: Mapping[int, int]) -> tuple[int, int]:
    """How many products carry a change of the notebooks, and how many of them not the last that their writer made of them in time."""
    last = {(writer, note.product): note.number for writer, several in writers.items() for note in several if note.number <= reached[writer]}
    known = {(writer, note.number) for writer, several in writers.items() for note in several}
    products = sorted({note.product for several in writers.values() for note in several})
    signed = wrong = 0
    for start in range(0, len(products), AT_ONCE):
        some = products[start : start + AT_ONCE]
        for product, sign in zip(some, engine.run_all([("HGET", product_key(product), "change") for product in some], ANSWERS_S), strict=True):
            if not isinstance(sign, bytes):
                continue
            writer, number = (int(part) for part in sign.split(b":"))
            # A change may have been made and never acknowledged: no notebook has it.
            unacknowledged = (writer, number) not in known and number <= reached.get(writer, 0)
            signed += 1
            wrong += last.get((writer, product)) != number and not unacknowledged
    return signed, wrong


def _bars(kept: Sequence[Note], gone: Sequence[Note], times: Sequence[float]) -> tuple[tuple[float, int, int], ...]:
    if not times:
        return ()
    first, length = min(times), max(max(times) - min(times), 0.001)
    counted = [[0, 0] for _ in range(BARS)]
    for side, several in enumerate((kept, gone)):
        for note in several:
            counted[min(BARS - 1, int((note.acknowledged - first) / length * BARS))][side] += 1
    return tuple((round(number * length / BARS, 4), *both) for number, both in enumerate(counted))  # type: ignore[misc]  # two to a bar
