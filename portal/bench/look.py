"""Finds out how a learner's bench stands: asks the labs' client and makes a `Bench` of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import cast

from labs.client import LabsClient, SandboxInfo, catalogue
from labs.errors import BadInput, LabsError, UnknownSandbox
from labs.events import Value
from labs.lab import Lab
from portal.access import may
from portal.bench.view import Bench, Gear, Phase

RESERVED = frozenset({"gear", "view", "was", "on", "place"})


def settings_in(lab: Lab, args: Mapping[str, str], *, strict: bool) -> dict[str, Value]:
    """The settings that an address asks for.

    Strict: BadInput for what is wrong; else what is wrong is left out.
    """
    given = {name: value for name, value in args.items() if name not in RESERVED}
    if strict:
        return lab.settings(given)
    kept = {}
    for name, value in given.items():
        try:
            kept[name] = lab.find_control(name).parse(value)
        except BadInput:
            continue
    return lab.settings(kept)


def look(
    lab: Lab,
    *,
    learner: str | None,
    args: Mapping[str, str],
    client: LabsClient,
    quick: LabsClient,
    strict: bool = False,
    met_before: Set[str] = frozenset(),
) -> Bench:
    """The bench of a lab as this learner finds it.

    `met_before`: the checks that a bench of theirs met at any time.
    """
    asked = settings_in(lab, args, strict=strict)
    gear = cast(Gear, args.get("gear") if args.get("gear") in lab.gears else lab.gears[0])
    bare = Bench(
        lab=lab,
        phase="none",
        settings=asked,
        gear=gear,
        projector=args.get("view") == "projector",
        met_before=met_before,
    )
    try:
        info = quick.find(learner) if learner else None
        if info is None or info.status == "closed":
            return _ended(bare, learner, args.get("was", ""), quick)
        if info.lab != lab.id:
            return replace(bare, phase="taken", other=catalogue().get(info.lab), info=info)
        if info.status in ("queued", "opening"):
            return replace(
                bare,
                phase=cast(Phase, info.status),
                info=info,
                starting=_starting(lab, info, quick),
            )
    except UnknownSandbox:
        return bare
    except LabsError as error:
        return _away(bare, error)
    found = _opened(bare, info, client)
    given = {name for name in args if name not in RESERVED}
    wanted = {
        name: asked[name] for name in given & set(asked) if asked[name] != found.settings.get(name)
    }
    return replace(found, wanted=wanted if found.phase == "open" else {})


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
    return replace(
        bare, phase="open", info=info, state=state, settings=bare.settings | state["settings"]
    )


def _away(bare: Bench, error: LabsError) -> Bench:
    return replace(bare, phase="away", problem=str(error), hint=error.hint)


def _ended(bare: Bench, learner: str | None, was: str, quick: LabsClient) -> Bench:
    if not was or learner is None:
        return bare
    try:
        info = quick.info(was)
    except UnknownSandbox:
        info = None
    if info is None or not may(learner, info, "watch"):
        return replace(
            bare,
            phase="ended",
            problem="The machine lost your bench.",
            hint="Its servers are gone. Your checks, answers and predictions are safe.",
        )
    return replace(
        bare,
        phase="ended",
        problem=info.reason or "Your bench is closed.",
        hint="Your checks, answers and predictions are safe.",
    )


def _starting(lab: Lab, info: SandboxInfo, quick: LabsClient) -> dict[str, str]:
    state = quick.state_from_feed(info.id)
    return {
        node.name: state.servers.get(node.name, {}).get("state", "waiting")
        for node in lab.topology.servers
    }
