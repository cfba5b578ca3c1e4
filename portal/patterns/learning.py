"""Made-up data of a learner's way for the page of patterns: the guide of a lab in its states, the
card at its end, the chart of guesses, and the puzzle. Nothing here was measured, and the page says
so.
"""

from __future__ import annotations

from datetime import date
from itertools import combinations, pairwise
from types import SimpleNamespace as Plain
from typing import Any

READ = "The cache was empty, so the app read the database and stored the result."
STEPS = (
    (1, 1, 1, "Read item 42.", "With “Item” at 42, press", "Read it", READ),
    (
        *(2, 1, 2, "Change the price of item 42.", "With “Item” at 42, press"),
        "Change the price",
        "The app wrote the new price to the database, then deleted the cached page.",
    ),
    (
        *(2, 2, 2, "Wait until the page is stored again.", "", ""),
        "The deleted page was a miss, so the app read the new price.",
    ),
)
CLAIMS = (
    "The first read is a miss, with exactly one database query",
    "When the app deletes the cached copy on each price change, no read is stale",
)
GUIDES = (
    ("The first step", 0, True),
    ("A check is met", 1, True),
    ("The second of two steps, folded away", 2, False),
    ("Every check is met", 3, True),
)
"""What a state of the guide is called, how many steps are done, and whether it is open."""


def guides() -> list[tuple[str, Any]]:
    """What the guide's partial asks for as `bench`, in each state."""
    return [(words, _guide(done, is_open)) for words, done, is_open in GUIDES]


def _guide(done: int, is_open: bool) -> Any:
    return Plain(
        lab=Plain(checks=CLAIMS),
        is_open=is_open,
        projector=False,
        guide=[
            Plain(
                number=number,
                check=check,
                place=place,
                places=places,
                do=do,
                how="" if before else "Keep the load running.",
                why=why,
                use=Plain(
                    key="sample" if before else "",
                    gear="",
                    label=label,
                    before=before,
                    after="." if before else "",
                    fields={},
                ),
                claim=CLAIMS[check - 1],
                ends_with_check=place == places,
                state="done" if number <= done else "now" if number == done + 1 else "todo",
                just_done=number == done,
            )
            for number, (check, place, places, do, before, label, why) in enumerate(STEPS, 1)
        ],
    )


def end() -> Any:
    """What the card at the end of a lab asks for."""
    return Plain(
        lab=Plain(title="Cache-aside", guide=STEPS),
        took="11 minutes",
        tiles=(
            Plain(value="1 → 0", unit="queries", words="The cache answered the second read."),
            Plain(value="0", unit="of 20 stale", words="No read returned an old price."),
        ),
        places=Plain(
            engine="What the engine does, made up.",
            service="What the service adds, made up.",
            missing="What ElastiCache does not have, made up.",
        ),
        exam=Plain(
            sentence="A sentence for the exam that was made up.",
            today="",
            exams=("SAA-C03", "DVA-C02"),
            source="https://docs.aws.amazon.com/",
            checked=date(2026, 11, 1),
        ),
        guesses=(
            Plain(said="1 query", measured="1 query", held=True, question="How many queries?"),
            Plain(said="10 s", measured="4 s", held=False, question="For how long?"),
        ),
        lesson=None,
        following=Plain(title="Lab: write-through", words="Go on", url="/labs"),
    )


GUESSES = (
    ("10 queries", "1 query", "10 times too high", False, 10.0),
    ("3 s", "4 s", "1.3 times too low", True, 0.75),
    ("40 %", "42 %", "as measured", True, 0.95),
)
HEIGHTS = ("0.0%", "56.2%", "51.1%")


def calibration() -> Any:
    """What the chart of guesses asks for."""
    lab = Plain(id="cache-aside", title="Cache-aside")
    guesses = [
        Plain(
            lab=lab,
            question="A question that was made up.",
            predicted=predicted,
            measured=measured,
            off=off,
            held=held,
            ratio=ratio,
            confidence="fairly",
        )
        for predicted, measured, off, held, ratio in GUESSES
    ]
    marks = [
        Plain(x=f"{(place + 0.5) / len(guesses):.1%}", y=y, guess=guess)
        for place, (guess, y) in enumerate(zip(guesses, HEIGHTS, strict=True))
    ]
    return Plain(
        guesses=guesses,
        drawn=guesses,
        without_ratio=0,
        near=2,
        middle=1.3,
        edge="10",
        band=("34.9%", "30.1%"),
        marks=marks,
        lines=list(pairwise(marks)),
        shares=[Plain(confidence="fairly", right=2, of=3, width="67%")],
    )


DOES = {
    "A": (
        ("looks in the cache", "cache", "miss", "The cache has nothing."),
        ("reads the database", "database", "read", "A reads a price."),
        ("stores the page", "cache", "write", "The cache holds what A has read."),
    ),
    "B": (
        ("writes the price", "database", "write", "Only B sees the new price."),
        ("commits", "database", "write", "The database has the new price."),
        ("deletes the page", "cache", "write", "The cache has nothing again."),
    ),
}
STALE = "AABBBA"


def puzzle() -> Any:
    """What the puzzle asks for: every order of two times three steps, one of them stale."""
    orders = [
        _order("".join("A" if place in of_a else "B" for place in range(6)))
        for of_a in combinations(range(6), 3)
    ]
    return Plain(
        lab=Plain(id="write-through-race"),
        orders=orders,
        stale=[order for order in orders if order.letters == STALE],
        first=orders[0],
        data={},
        recorded_on=date(2026, 11, 1),
        versions={"redis": "7.0.15"},
    )


def _order(letters: str) -> Any:
    return Plain(
        letters=letters,
        verdict="A stale price." if letters == STALE else "No stale price.",
        end="These are sample words for the end of an order.",
        steps=[
            Plain(worker=worker, name=name, server=server, sense=sense, left=left)
            for place, worker in enumerate(letters)
            for name, server, sense, left in [DOES[worker][letters[:place].count(worker)]]
        ],
    )
