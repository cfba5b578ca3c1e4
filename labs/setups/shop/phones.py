"""The shop as its customers see it, on two phones: one reads through the application's strategy,
the other skips the cache. Each phone keeps what really answered it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from labs.errors import LabsError
from labs.events import Value
from labs.lab import Action, Column, Number, Table
from labs.lab.check import about_of
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.application import Visit, app

THROUGH, AROUND = "through", "around"
PHONES = Table(
    "phones",
    "What the two phones show",
    (
        Column("phone", "Phone"),
        Column("item", "Product"),
        Column("name", "Name"),
        Column("price", "Price", unit="€", decimals=2),
        Column("stock", "Stock"),
        Column("stars", "Stars", decimals=2),
        Column("reviews", "Reviews"),
        Column("version", "Version"),
        Column("meaning", "Answered by"),
        Column("took_ms", "Took", unit="ms", decimals=1),
        Column("at", "At", unit="s"),
    ),
    shown=False,
)
ITEM = Number("item", "Product", 1, 1_000, 1, 42)


def reload_both_phones(sandbox: Sandbox, item: float) -> str:
    """Load the product on both phones."""
    rows = [_load(sandbox, phone, int(item)) for phone in (THROUGH, AROUND)]
    _show(sandbox, *rows)
    prices = {row["price"] for row in rows if not row["problem"]}
    if any(row["problem"] for row in rows):
        return "Not every phone got an answer."
    if len(prices) > 1:
        return "The two phones show different prices: the cache still has the old one."
    return "Both phones show the same price."


def reload_phone_1(sandbox: Sandbox, item: float) -> str:
    """Load the product on the phone that reads through the cache."""
    row = _load(sandbox, THROUGH, int(item))
    _show(sandbox, row)
    return str(row["problem"] or f"Phone 1 waited {row['took_ms']:g} ms for the servers.")


ACTIONS = tuple(
    Action(do.__name__.replace("_", "-"), label, "view", do, (ITEM,), here=about_of(do))
    for do, label in (
        (reload_both_phones, "Reload both phones"),
        (reload_phone_1, "Reload phone 1"),
    )
)


def _load(sandbox: Sandbox, phone: str, item: int) -> dict[str, Value]:
    """One phone's page, as it was answered; or why it was not."""
    shop = app(sandbox)
    try:
        visit = shop.visit(item) if phone == THROUGH else shop.look_up(item)
    except LabsError as exc:
        visit = Visit({}, "error", 0.0, problem=str(exc))
    answer = visit.answer
    return {
        "phone": phone,
        "item": item,
        **_fields(answer),
        "version": _number(answer.get("version")),
        "meaning": visit.meaning,
        "took_ms": round(visit.took_ms, 2),
        "cache_ms": round(visit.cache_ms, 2),
        "problem": visit.problem,
        "at": round(time.time(), 2),
    }


def _fields(answer: Mapping[str, object]) -> dict[str, Value]:
    """What a phone draws of an answer: of a row name and price, of a product's page all. A ranking
    is shown by its best product.
    """
    best = answer.get("products")
    shown = best[0] if isinstance(best, list) and best else answer
    return {
        "name": str(shown.get("name") or answer.get("category") or ""),
        "category": str(answer.get("category") or ""),
        "price": _number(shown.get("price")),
        "stock": _number(answer.get("stock")),
        "stars": _number(answer.get("average")),
        "reviews": _number(shown.get("reviews", answer.get("reviews"))),
    }


def _number(value: object) -> float | str:
    """A number of an answer; empty where it has none."""
    try:
        return float(str(value))
    except ValueError:
        return ""


def _show(sandbox: Sandbox, *rows: dict[str, Value]) -> None:
    kept = {str(row["phone"]): row for row in sandbox.found.get(PHONES.name, [])}
    kept |= {str(row["phone"]): row for row in rows}
    sandbox.tabulate(PHONES.name, [kept[phone] for phone in (THROUGH, AROUND) if phone in kept])
