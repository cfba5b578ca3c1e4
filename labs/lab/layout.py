"""Where the controls of a lab stand on its bench: in the row under the drawing, in the fold under
it, or in the lab's own view. The page is drawn by this, and hints say it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from labs.lab.controls import Choice, Control, Gear
from labs.lab.lab import Action, Lab
from labs.lab.strategy import Steppable
from labs.lab.topology import Node, Topology
from labs.lab.uses import LOAD, STEPS, VERBS

MORE = "More controls"
"""What the fold under the row says."""
END = ""
"""The panel of what stands below all others."""
AT_THE_END = ("Console", "Start afresh")
_TABS: dict[Gear, str] = {"step": "Step", "load": "Load", "break": "Break"}
_OF_LINKS = ("slow", "cut", "restore")
_QUOTED = re.compile(r"“([^”]*)”")
_NAMED_TAB = re.compile(r"\btab (\w+)")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a control stands: the tab, None for each of them; the panel, None for the row under the
    drawing.
    """

    tab: Gear | None
    panel: str | None = None


def has_shop(lab: Lab) -> bool:
    """True if the lab has a shop, whose customers' phones can be looked at on a page of its own."""
    return any(table.name == "phones" for table in lab.tables)


def steppable(lab: Lab) -> list[Steppable]:
    """What a step can run: read where the lab has strategies, write where one has it."""
    strategies = lab.strategies.values()
    runs = {"read": bool(strategies), "write": any(strategy.write for strategy in strategies)}
    return [request for request in lab.requests if runs[request.function]]


def engine_controls(lab: Lab) -> list[Choice]:
    """The choices that pick an engine; they stand last in the fold."""
    names = {node.engine_setting for node in lab.topology.nodes if node.engine_setting}
    choices = [control for control in lab.controls if isinstance(control, Choice)]
    return [choice for choice in choices if choice.name in names]


def controls_of(lab: Lab, gear: str) -> list[Control]:
    """The other controls of a gear; `all` are those that every gear has."""
    engines = engine_controls(lab)
    return [one for one in lab.controls if one not in engines and one.gear == gear]


def actions_of(lab: Lab, gear: str) -> list[Action]:
    """The lab's own actions of a gear."""
    return [action for action in lab.actions if action.gear == gear]


def main_actions(lab: Lab, gear: Gear) -> list[Action]:
    """The actions in the row under the drawing: those that the guide asks for first, else the
    primary ones. A request in slow motion, and the load, stand there too.
    """
    asked = [step.use.name for step in lab.guide if step.use.kind == "action"]
    order = sorted(
        actions_of(lab, gear),
        key=lambda action: (
            asked.index(action.name) if action.name in asked else len(asked),
            not action.primary,
        ),
    )
    return order[: {"step": 1 if steppable(lab) else 2, "load": 1, "break": 2}[gear]]


def main_fault(lab: Lab, topology: Topology) -> Node | None:
    """The server whose faults stand in that row: where the lab has no fault of its own."""
    if actions_of(lab, "break"):
        return None
    asked = [step.use.name for step in lab.guide if step.use.kind == "server"]
    servers = {node.name: node for node in topology.servers}
    return next((servers[name] for name in (*asked, *servers) if name in servers), None)


def shared_fields(lab: Lab, gear: str) -> list[Control]:
    """The fields that several actions of a gear have, asked once: the item of a step, too."""
    fields = [asked for action in actions_of(lab, gear) for asked in action.fields]
    counted = Counter(asked.name for asked in fields)
    once = {asked.name: asked for asked in reversed(fields)}
    return [
        asked
        for name, asked in reversed(once.items())
        if counted[name] > 1 or (gear == "step" and name == "item")
    ]


def spots_of(lab: Lab, label: str, near: str = "") -> list[Spot]:
    """Where the controls with this label stand; none if the bench has no such control. `near` is
    the hint that names it: many servers have a button of the same label.
    """
    verb = next((verb for verb, words in VERBS.items() if words == label), "")
    if verb in _OF_LINKS:
        return [Spot("break", MORE)]
    if verb:
        first = main_fault(lab, lab.topology)
        in_row = first is not None and re.search(rf"\b{re.escape(first.label)}\b", near)
        return [Spot("break", None if in_row else MORE)]
    return list(dict.fromkeys(spot for known, spot in _labelled(lab) if known == label))


def _labelled(lab: Lab) -> Iterator[tuple[str, Spot]]:
    for gear in lab.gears:
        row, fold, shared = Spot(gear), Spot(gear, MORE), shared_fields(lab, gear)
        main = main_actions(lab, gear)
        yield from ((field.label, row) for field in shared)
        for action in actions_of(lab, gear):
            spot = row if action in main else fold
            yield action.label, spot
            yield from ((field.label, spot) for field in action.fields if field not in shared)
        yield from ((control.label, fold) for control in controls_of(lab, gear))
    if "step" in lab.gears and (requests := steppable(lab)):
        labels = [*STEPS.values(), lab.item, *(request.label for request in requests)]
        yield from ((label, Spot("step")) for label in labels)
    if "load" in lab.gears:
        yield from ((label, Spot("load")) for label in LOAD.values())
    for control in (*controls_of(lab, "all"), *engine_controls(lab)):
        yield control.label, Spot(None, MORE)
    if lab.view:
        view = Spot(None, lab.view)
        yield from ((control.label, view) for control in controls_of(lab, "view"))
        for action in actions_of(lab, "view"):
            if action.fields and has_shop(lab):
                continue  # it stands on the page of the shop
            yield action.label, view
            yield from ((field.label, view) for field in action.fields)
    yield from ((label, Spot(None, END)) for label in AT_THE_END)


def with_places(lab: Lab, hint: str) -> str:
    """The hint, and where the controls are that it names, unless it says so itself."""
    missing: dict[Spot, list[str]] = {}
    for label in dict.fromkeys(_QUOTED.findall(hint)):
        spots = spots_of(lab, label, hint)
        if spots and not any(_says(hint, spot) for spot in spots):
            missing.setdefault(spots[0], []).append(label)
    folds = [spot for spot in missing if spot.panel == MORE]
    if len(folds) == 2 and _TABS.get(next(f.tab for f in folds if f.tab)) == _only_tab(hint):
        # What is in the fold of every tab is in that of this tab, too.
        every, one = sorted(folds, key=lambda spot: spot.tab is not None)
        missing[one] = missing.pop(every) + missing[one]
    lit = _lit_by_the_guide(lab)
    said = (_sentence(_in_words(spot, hint), names, lit) for spot, names in missing.items())
    return " ".join([hint, *said])


def _only_tab(hint: str) -> str:
    """The tab that a hint names, if it names just one."""
    tabs = set(_NAMED_TAB.findall(hint))
    return tabs.pop() if len(tabs) == 1 else ""


def _says(hint: str, spot: Spot) -> bool:
    if spot.panel is None:
        return spot.tab is not None and _TABS[spot.tab] in _NAMED_TAB.findall(hint)
    return bool(spot.panel) and f"“{spot.panel}”" in hint


def _in_words(spot: Spot, hint: str) -> str:
    if spot.panel == END:
        return "at the end of the bench"
    if spot.tab is None:
        return f"under “{MORE}”" if spot.panel == MORE else f"in the panel “{spot.panel}”"
    tab = _TABS[spot.tab]
    if spot.panel is None:
        return f"in the tab {tab}"
    if _only_tab(hint) == tab:
        return f"under “{MORE}” of that tab"
    return f"in the tab {tab} under “{MORE}”"


def _sentence(place: str, labels: list[str], lit: set[str]) -> str:
    names = [f"“{label}”" for label in labels]
    many = len(names) > 1
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if many else names[0]
    text = f"{listed} {'are' if many else 'is'} {place}"
    if MORE in place and lit & set(labels):
        text += f" or, while the guide asks for {'them' if many else 'it'}, just above"
    return f"{text}."


def _lit_by_the_guide(lab: Lab) -> set[str]:
    """The labels of what a step of the guide brings out of the fold."""
    lit: set[str] = set()
    for step in lab.guide:
        if step.use.kind == "setting":
            lit.add(lab.find_control(step.use.name).label)
        elif step.use.kind == "action":
            action = lab.find_action(step.use.name)
            lit |= {action.label, *(field.label for field in action.fields)}
        elif step.use.kind in ("server", "link"):
            lit.add(VERBS[step.use.verb])
    return lit
