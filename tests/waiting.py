"""The one way in which tests wait for something that happens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WITHIN_S = 60.0
"""No promise of the product: a busy machine may take this long. Promises are passed by name."""
_PAUSE_S = 0.01


def eventually(condition: Callable[[], T], within_s: float = WITHIN_S, what: str = "it") -> T:
    """What the condition returns as soon as that is true.

    Fails at the deadline with its last value or exception; an AssertionError of its own fails at
    once.
    """
    end = time.monotonic() + within_s
    while True:
        value, error = None, None
        try:
            if value := condition():
                return value
        except AssertionError:
            raise
        except Exception as exc:  # noqa: BLE001 - the last one is the cause of the failure
            error = exc
        if time.monotonic() > end:
            found = f"raised {error!r}" if error else f"was {value!r}"
            raise AssertionError(
                f"{what} did not happen within {within_s:g} s; the last value {found}"
            ) from error
        time.sleep(_PAUSE_S)
