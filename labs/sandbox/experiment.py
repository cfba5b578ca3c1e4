"""What every experiment of a lab needs: servers that are ready, settings for a while, a place for
what it saw, an early end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from labs.errors import LabsError, NotNow
from labs.events import Value
from labs.lab import Check
from labs.sandbox.context import Context

Subject = TypeVar("Subject", bound=Context)
Thing = TypeVar("Thing")
ATTEMPTS = 3


def make_ready(
    sandbox: Context, *, up: Iterable[str] | None = None, also: Sequence[str] = ()
) -> None:
    """Bring about what an experiment needs: no load, every link whole, the servers `up` (all by
    default) up, no request that stands in slow motion. A sentence on the timeline says what was
    done for it; `also` is what the caller did itself.

    Raises NotNow for a server that is not there yet, DidNotStart for one that can't be started.
    """
    done = [*also]
    if sandbox.load.running:
        sandbox.stop_load()
        done.append("the load was stopped")
    done += bring_up(sandbox, sandbox.servers if up is None else up)
    if sandbox.finish_step():
        done.append("the request in slow motion was run to its end")
    say_done(sandbox, done)


def bring_up(sandbox: Context, servers: Iterable[str]) -> list[str]:
    """Restore every link that is slow or cut, and have these servers up; returns what was done for
    it, each as a part of a sentence.

    Raises NotNow for a server that is not there yet, DidNotStart for one that can't be started.
    """
    done = []
    for name, link_state in sandbox.link_states.items():
        if link_state != "open":
            sandbox.link(name, "restore")
            target = sandbox.topology.link(name).target
            done.append(f"the link to {sandbox.topology.node(target).label} was restored")
    for name in servers:
        if (state := sandbox.servers[name].state) != "up":
            sandbox.server(name, "resume" if state == "paused" else "restart")
            label = sandbox.topology.node(name).label
            done.append(f"{label} was {'resumed' if state == 'paused' else 'restarted'}")
    return done


def say_done(sandbox: Context, done: Sequence[str], *, purpose: str = "measurement") -> None:
    """Say on the timeline what was done to a bench for this purpose, if anything was."""
    if done:
        listed = " and ".join([*filter(None, [", ".join(done[:-1])]), done[-1]])
        sandbox.say(f"For this {purpose} {listed}", "here")


@contextlib.contextmanager
def temporarily(sandbox: Context, **values: Value) -> Iterator[None]:
    """These settings while the block runs, then those that were."""
    before = {name: sandbox.settings[name] for name in values}
    try:
        for name, value in values.items():
            sandbox.set(name, value)
        yield
    finally:
        for name, value in before.items():
            sandbox.set(name, value)


def observed(sandbox: Context, thing: Thing) -> Thing:
    """Keep in the ledger what an experiment saw, and have the checks look at it."""
    sandbox.ledger.observe(thing)
    sandbox.checker.wake()
    return thing


def refuted(sandbox: Context, *checks: Check, but: tuple[Check, ...] = ()) -> bool:
    """True if one of these checks has seen what it judges, and it was not so: a run that is to
    meet them all need not go on. Without `checks`: any check of the lab `but` these.
    """
    verdicts = [check.judge(sandbox) for check in checks or sandbox.lab.checks if check not in but]
    return any(verdict.status == "unmet" and verdict.evidence for verdict in verdicts)


def until_met(sandbox: Subject, check: Check, attempt: Callable[[Subject], object]) -> None:
    """Make an attempt at what a check judges, and again until the check is met, ATTEMPTS in all: a
    busy machine may have spoilt one.
    """
    for _ in range(ATTEMPTS):
        attempt(sandbox)
        if check.judge(sandbox).status == "met":
            return


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
