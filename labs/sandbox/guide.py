"""Follows the lab's guide: which steps the learner has done, by what happens in the sandbox.

Reads events and the state of the sandbox; changes nothing in it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator

from labs.errors import LabsError
from labs.events import (
    CheckChanged,
    Event,
    GuideMoved,
    LineReached,
    Measured,
    NoteAdded,
    StepFinished,
    StepStarted,
    Value,
)
from labs.lab import Check, Step, Target, goals
from labs.sandbox.context import Context

log = logging.getLogger("labs.guide")
NEAR = 0.05
"""How far a number may be from what a step asks for, as a share of that."""
_STATES = {"kill": "down", "pause": "paused", "resume": "up", "restart": "up"}
_LINKS = {"slow": "slow", "cut": "cut", "restore": "open"}


class GuideProgress:
    """A step with a check is done once the check was met, here or in an earlier sandbox. Any other
    step is done when it is the current one and what it names holds or happens, or when the check
    that it leads to was met. What is done stays done until `start`.

    While a call of the learner runs no step ends: what it changes for a while says nothing, and the
    next step could not begin yet.
    """

    def __init__(self, context: Context, met: Iterable[str]) -> None:
        """`met` are the checks that were met in an earlier sandbox."""
        self._context = context
        self._guide = context.lab.guide
        self._goals = [check.name for check in goals(context.lab)]
        self._met = set(met)
        self._seen: set[int] = set()
        self._emitted: GuideMoved | None = None
        self._is_open = False
        self._calls = 0
        self._lock = threading.RLock()

    def start(self) -> None:
        """Begin: only what was met counts."""
        with self._lock:
            self._is_open = True
            self._seen.clear()
            self._emitted = None
            self._advance(None)

    @contextlib.contextmanager
    def during_call(self) -> Iterator[None]:
        """A call of the learner runs: what it ends is done when the block is left."""
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if self._is_open and not self._calls:
                    self._advance(None)

    def follow(self, event: Event) -> None:
        """Take an event of the sandbox into account."""
        if not self._guide or isinstance(event, GuideMoved):
            return
        with self._lock:
            if isinstance(event, CheckChanged) and event.status == "met":
                self._met.add(event.check)
            if self._is_open and self._calls:
                self._remember(event)
            elif self._is_open:
                self._advance(event)

    def _remember(self, event: Event) -> None:
        """If this event ends the current step, it is done as soon as no call runs."""
        current = self._emitted.current if self._emitted else len(self._guide)
        if current < len(self._guide):
            step = self._guide[current]
            if step.until is None and _happened(step, event):
                self._seen.add(current)

    def _advance(self, event: Event | None) -> None:
        """Go on from step to step as far as what holds allows; an event counts for one step."""
        while (current := self._current()) < len(self._guide):
            step = self._guide[current]
            if step.until is not None:
                if step.until in self._context.lab.checks or not self._is_met(step.until):
                    break
            elif event is not None and _happened(step, event):
                event = None
            elif not self._holds(step.use):
                break
            self._seen.add(current)
        moved = GuideMoved(current=current, done=self._done())
        if self._guide and moved != self._emitted:
            self._emitted = moved
            self._context.emit(moved)

    def _is_met(self, check: Check) -> bool:
        try:
            return check.judge(self._context).status == "met"
        except LabsError:
            return False
        except Exception:
            log.exception("the guide's check %s failed", check.name)
            return False

    def _current(self) -> int:
        done = set(self._done())
        return next((n for n in range(len(self._guide)) if n not in done), len(self._guide))

    def _done(self) -> list[int]:
        return [n for n, goal in enumerate(self._goals) if goal in self._met or n in self._seen]

    def _holds(self, target: Target) -> bool:
        """True if the sandbox is as it would be after this target was used."""
        context = self._context
        match target.kind:
            case "setting":
                control = context.lab.find_control(target.name)
                return _is_near(
                    context.settings[target.name], control.parse(target.fields["value"])
                )
            case "load":
                return context.load.running == (target.verb == "start")
            case "server":
                server = context.servers.get(target.name)
                return server is not None and server.state == _STATES[target.verb]
            case "link":
                return context.link_states.get(target.name) == _LINKS[target.verb]
        return False


def _is_near(value: Value, wanted: Value) -> bool:
    """True if a hand at a fader would call the two the same; words must be equal."""
    if isinstance(value, (int, float)) and isinstance(wanted, (int, float)):
        return value == wanted or abs(value - wanted) < NEAR * abs(wanted)
    return value == wanted


def _happened(step: Step, event: Event) -> bool:
    """True if this event is the end of what the step asks for."""
    use = step.use
    match event:
        case NoteAdded():
            return use.kind == "action" and event.action == use.name
        case Measured():
            return use.kind == "prediction" and event.prediction == use.name
        case StepStarted():
            wanted = use.fields.get("function", event.function)
            return use.key == "step:start" and event.function == wanted
        case LineReached():
            return use.key == "step:next"
        case StepFinished():
            return use.key == "step:finish"
    return False
