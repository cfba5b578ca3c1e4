"""Sets a bench up as a lesson asks for it: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.errors import LabsError
from labs.events import Value
from labs.sandbox.context import Context
from labs.sandbox.experiment import bring_up, say_done


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up came to: the values that it replaced, and what else was done, each as a part of
    a sentence.
    """

    before: Mapping[str, Value] = field(default_factory=dict)
    done: tuple[str, ...] = ()


def set_up(sandbox: Context, wanted: Mapping[str, object], *, empty: bool) -> SetUp:
    """Give a sandbox these settings. With `empty` also empty the cache, if an action of the lab
    does that: servers that are down or paused run first, and links are restored.

    Raises BadInput for a setting that the lab does not have. Whatever fails, the settings are then
    as they were.
    """
    settings = {name: sandbox.lab.find_control(name).parse(raw) for name, raw in wanted.items()}
    before = {
        name: sandbox.settings[name]
        for name, value in settings.items()
        if sandbox.settings[name] != value
    }
    action = next((one for one in sandbox.lab.actions if one.empties), None) if empty else None
    done = []
    if action:
        # The cache can't be emptied while it is down, so this comes before anything is changed.
        broken = [name for name, one in sandbox.servers.items() if one.state in ("down", "paused")]
        done += bring_up(sandbox, broken)
    try:
        for name in before:
            sandbox.set(name, settings[name])
        if action:
            action.run(sandbox)
            done.append("the cache was emptied")
    except LabsError:
        for name, value in before.items():
            sandbox.set(name, value)
        raise
    say_done(sandbox, done, purpose="exercise")
    return SetUp(before, tuple(done))
