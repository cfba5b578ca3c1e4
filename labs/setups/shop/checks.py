"""What checks of labs over the shop share."""

from __future__ import annotations

from collections.abc import Callable

from labs.lab import Unmet, Verdict
from labs.sandbox.sandbox import Sandbox


def verdict_of(check: Callable[[Sandbox], Verdict], sandbox: Sandbox) -> Verdict:
    """What a check function finds now, met or not."""
    try:
        return check(sandbox)
    except Unmet as found:
        return found.verdict
