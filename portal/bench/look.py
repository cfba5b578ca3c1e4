"""Finds out how a learner's bench stands: asks the labs' client and makes a `Bench` of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast

from labs.client import LabsClient, SandboxInfo, catalogue
from labs.errors import BadInput, LabsError, UnknownSandbox
from labs.events import Value
from labs.lab import Lab
from portal.access import may
from portal.bench.view import Bench, Gear, Phase
from portal.web.history import Proof

RESERVED = frozenset({"gear", "view", "guide", "was", "on", "place"})


def settings_in(lab: Lab, args: Mapping[str, str], *, strict: bool) -> dict[str, Value]:
    """The settings of an address; what is wrong is BadInput if strict, else left out."""
    given = {name: value for name, value in args.items() if name not in RESERVED}
    if strict:
        return lab.settings(given)
    kept = {}
    for name, value in given.items():
        with suppress(BadInput):
            kept[name] = lab.find_control(name).parse(value)
    return lab.settings(kept)


def look(
    lab: Lab,
    *,
    learner: str | None,
    args: Mapping[str, str],
    client: LabsClient,
    quick: LabsClient,
    strict: bool = False,
    met_before: Mapping[str, Proof] | None = None,
) -> Bench:
    """The bench of a lab as this learner finds it; `met_before` on an earlier bench."""
    asked = settings_in(lab, args, strict=strict)
    gear = cast(Gear, args.get("gear") if args.get("gear") in lab.gears else lab.gears[0])
    bare = Bench(
        lab=lab,
        phase="none",
        settings=asked,
        gear=gear,
        projector=args.get("view") == "projector",
        met_before=met_before or {},
    )
    try:
        info = quick.find(learner) if learner else None
        if info is None or info.status == "closed":
            return _ended(bare, learner, args.get("was", ""), quick)
        if info.lab != lab.id:
            return replace(bare, phase="taken", other=catalogue().get(info.lab), info=info)
        if info.status in ("queued", "opening"):
            phase, starting = cast(Phase, info.status), _starting(lab, info, quick)
            return replace(bare, phase=phase, info=info, starting=starting)
    except UnknownSandbox:
        return bare
    except LabsError as error:
        return _away(bare, error)
    found = _opened(bare, info, client)
    if found.phase != "open":
        return found
    given = set(args) - RESERVED
    wanted = {
        name: value
        for name, value in asked.items()
        if name in given and value != found.settings.get(name)
    }
    return replace(found, wanted=wanted)


def look_at(lab: Lab, sandbox: SandboxInfo, client: LabsClient) -> Bench:
    """The bench of this sandbox for any learner: the caller has checked the permission."""
    bare = Bench(lab=lab, phase="none", settings=lab.settings(), gear=lab.gears[0])
    return _opened(bare, sandbox, client) if sandbox.status == "open" else bare


def _opened(bare: Bench, info: SandboxInfo, client: LabsClient) -> Bench:
    try:
        state = client.call(info, "state", deadline_s=3.0)
    except UnknownSandbox:
        return bare
    except LabsError as error:
        return _away(bare, error)
    settings = bare.settings | state["settings"]
    return replace(bare, phase="open", info=info, state=state, settings=settings)


def _away(bare: Bench, error: LabsError) -> Bench:
    return replace(bare, phase="away", problem=str(error), hint=error.hint)


def _ended(bare: Bench, learner: str | None, was: str, quick: LabsClient) -> Bench:
    if not was or learner is None:
        return bare
    try:
        info = quick.info(was)
    except UnknownSandbox:
        info = None
    hint = "Your checks, answers and predictions are safe."
    if info is None or not may(learner, info, "watch"):
        problem, hint = "The machine lost your bench.", f"Its servers are gone. {hint}"
    else:
        problem = info.reason or "Your bench is closed."
    return replace(bare, phase="ended", problem=problem, hint=hint)


def _starting(lab: Lab, info: SandboxInfo, quick: LabsClient) -> dict[str, str]:
    state = quick.state_from_feed(info.id)
    return {
        node.name: state.servers.get(node.name, {}).get("state", "waiting")
        for node in lab.topology.servers
    }
