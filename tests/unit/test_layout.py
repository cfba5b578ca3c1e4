"""Where the controls of a lab are, as its hints say it."""

import pytest

from labs.catalogue import catalogue, find, folder_of
from labs.lab import with_places
from labs.lab.layout import MORE, main_actions, spots_of

LABS = catalogue().values()


@pytest.mark.parametrize(
    ("lab", "hint", "place"),
    [
        (
            "database-relief",
            "Set “Cache” to “on”.",
            "“Cache” is under “More controls” or, while the guide asks for it, just above.",
        ),
        (
            "database-relief",
            "Set “What is read” to “one row, by its key”.",
            "“What is read” is under “More controls”.",
        ),
        (
            "strategies",
            "Raise “Writes” or “Skew” in the tab Load.",
            "“Writes” and “Skew” are under “More controls” of that tab.",
        ),
        (
            "strategies",
            "Raise “Writes”, then read it in the tab Step.",
            "“Writes” is in the tab Load under “More controls”.",
        ),
        (
            "durability",
            "Press “Write a thousand”.",
            "“Write a thousand” is in the panel “How far the writes have come”.",
        ),
        ("failover", "Press “Kill the primary”.", "“Kill the primary” is in the tab Break."),
        (
            "write-through-race",
            "Press “Start afresh”.",
            "“Start afresh” is at the end of the bench.",
        ),
    ],
)
def test_a_hint_goes_on_with_the_place_of_each_control(lab, hint, place):
    assert with_places(find(lab), hint) == f"{hint} {place}"


@pytest.mark.parametrize(
    ("lab", "hint"),
    [
        ("failover", "Press “Kill the primary” in the tab Break."),
        ("sessions", "In “Mia’s browser” press “Log in”."),
        ("cache-aside", "Press “Kill” next to cache in the tab Break."),
        ("cache-aside", "Let the load run."),
        ("cache-aside", ""),
    ],
)
def test_a_hint_that_says_the_place_itself_stays_as_it_is(lab, hint):
    assert with_places(find(lab), hint) == hint


def test_what_is_in_the_fold_of_every_tab_is_in_that_of_a_named_one():
    hint = "Set “Time to live” to 2 s and raise “Skew” in the tab Load."

    place = with_places(find("invalidation"), hint).removeprefix(hint)

    assert place.startswith(" “Time to live” and “Skew” are under “More controls” of that tab")


def test_a_server_whose_buttons_are_in_the_fold_is_found_there():
    hint = "database is down. Press “Restart” next to it in the tab Break."

    place = with_places(find("cache-aside"), hint).removeprefix(hint)

    assert place.startswith(" “Restart” is under “More controls” of that tab")


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_the_main_actions_of_a_tab_are_not_in_its_fold(lab):
    for gear in lab.gears:
        for action in main_actions(lab, gear):
            assert MORE not in {spot.panel for spot in spots_of(lab, action.label)}


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_with_a_view_that_has_controls_names_its_heading(lab):
    view = folder_of(lab.id) / "view.html"
    acts = [one for one in (*lab.actions, *lab.controls) if one.gear == "view"]
    in_the_shop = {"Reload both phones", "Reload phone 1"}

    if view.is_file() and {one.label for one in acts} - in_the_shop:
        assert lab.view and "bench.lab.view" in view.read_text()
    else:
        assert not lab.view
