"""What every experiment of a lab needs: preconditions, settings for a while, a place for what it
saw, an early end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from labs.errors import LabsError, LinkNotWhole, LoadRunning, NotNow, ServerNotUp
from labs.events import Value
from labs.lab import Check
from labs.sandbox.context import Context

Subject = TypeVar("Subject", bound=Context)
Thing = TypeVar("Thing")
ATTEMPTS = 3


def require(sandbox: Context, *, up: Iterable[str] | None = None) -> None:
    """Raise unless an experiment can begin: LoadRunning if the load runs, ServerNotUp if one of the
    servers `up` (all by default) is not, LinkNotWhole if a link is slow or cut.
    """
    if sandbox.load.running:
        raise LoadRunning("The load is running.", hint="Stop the load, then measure.")
    for name in sandbox.servers if up is None else up:
        if sandbox.servers[name].state != "up":
            label = sandbox.topology.node(name).label
            raise ServerNotUp(f"{label} is not up.", hint="Restart it, then measure.")
    for name, state in sandbox.link_states.items():
        if state != "open":
            raise LinkNotWhole(
                f"The link to {sandbox.topology.link(name).target} is {state}.",
                hint="Restore it, then measure.",
            )


@contextlib.contextmanager
def temporarily(sandbox: Context, **values: Value) -> Iterator[None]:
    """These settings while the block runs, then those that were."""
    before = {name: sandbox.settings[name] for name in values}
    for name, value in values.items():
        sandbox.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            sandbox.set(name, value)


def observed(sandbox: Context, thing: Thing) -> Thing:
    """Keep in the ledger what an experiment saw, and have the checks look at it."""
    sandbox.ledger.observations.append(thing)
    sandbox.checker.wake()
    return thing


def refuted(sandbox: Context, *checks: Check, but: tuple[Check, ...] = ()) -> bool:
    """True if one of these checks has seen what it judges, and it was not so: a run that is to
    meet them all need not go on. Without `checks`: any check of the lab `but` these.
    """
    verdicts = [check.judge(sandbox) for check in checks or sandbox.lab.checks if check not in but]
    return any(verdict.status == "unmet" and verdict.evidence for verdict in verdicts)


def measured(sandbox: Subject, measure: Callable[[Subject], Thing]) -> Thing:
    """What `measure` returns; it is called again if the machine stalled meanwhile, ATTEMPTS times
    in all: a stall is neither a server's latency nor a failure of the experiment.

    Raises NotNow if the machine stalled each time.
    """
    for left in reversed(range(ATTEMPTS)):
        began = time.monotonic()
        try:
            value = measure(sandbox)
        except LabsError:
            if not left or not sandbox.stalls.disturbed(began):
                raise
        disturbed = sandbox.stalls.disturbed(began)
        if not disturbed:
            return value
        sandbox.say(f"{disturbed}, so it is not counted")
    raise NotNow(
        f"{disturbed} each time, so nothing was measured.",
        hint="End what else keeps the machine busy, then measure again.",
    )
