"""A lab's settings: every value is checked, and a wrong one says what would be right."""

import pytest

from labs.catalogue import catalogue, find
from labs.errors import BadInput, UnknownLab
from labs.lab import Action
from labs.measure.metrics import METRICS

LABS = list(catalogue().values())


def test_settings_default_and_parse():
    settings = find("cache-aside").settings({"ttl_s": "5", "engine": "memcached"})

    assert settings["ttl_s"] == 5.0
    assert settings["engine"] == "memcached"
    assert settings["invalidate"] == "delete"


@pytest.mark.parametrize(
    ("lab", "name", "value", "shown"),
    [
        ("backup-restore", "rate_per_s", 4_000, "4,000/s"),
        ("write-through", "rate_per_s", 400.0, "400/s"),
        ("cache-aside", "ttl_s", 20, "20 s"),
        ("strategies", "ttl_s", 0.5, "0.5 s"),
        ("strategies", "behind_percent", 20, "20 %"),
        ("write-through", "clients", 1, "1"),
    ],
)
def test_a_number_is_shown_with_its_thousands_and_its_unit(lab, name, value, shown):
    assert find(lab).find_control(name).show(value) == shown


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_no_two_controls_of_a_lab_have_the_same_label(lab):
    labels = [control.label for control in lab.controls]

    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ttl_s": "0"}, "1 to 300"),
        ({"ttl_s": "soon"}, "1 to 300"),
        ({"ttl_s": "nan"}, "1 to 300"),
        ({"engine": "oracle"}, "redis, memcached"),
        ({"colour": "red"}, "Its settings are"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(given, says):
    with pytest.raises(BadInput) as caught:
        find("cache-aside").settings(given)

    assert says in caught.value.hint


@pytest.mark.parametrize(
    ("lab", "name", "stored", "now"),
    [
        ("write-through", "strategy", "cache-aside-untold", "cache-aside-no-invalidation"),
        ("invalidation", "way", "told", "notified"),
    ],
)
def test_a_value_that_was_stored_under_its_old_name_means_the_new_one(lab, name, stored, now):
    settings = find(lab).settings({name: stored})

    assert settings[name] == now
    assert find(lab).pick_strategy(settings) == now


def test_an_unknown_lab_names_those_that_there_are():
    with pytest.raises(UnknownLab) as caught:
        find("no-such-lab")

    assert "cache-aside" in caught.value.hint


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_is_whole(lab):
    names = [check.name for check in lab.checks]

    assert len(set(names)) == len(names) >= 3
    assert lab.predictions and lab.actions and lab.question and lab.about
    assert len(lab.mutants) >= 3
    assert {mutant.caught_by for mutant in lab.mutants} <= set(lab.checks)
    assert all(metric in METRICS for chart in lab.charts for metric in chart.metrics)
    assert all(metric in METRICS for metric in lab.tiles)
    assert all(len({METRICS[metric].unit for metric in chart.metrics}) == 1 for chart in lab.charts)
    assert {link.target for link in lab.topology.links} <= {
        node.name for node in lab.topology.nodes
    }
    assert (
        lab.pick_strategy(lab.settings()) in lab.strategies
        if lab.strategies
        else not lab.pick_strategy(lab.settings())
    )
    assert lab.gears
    assert {thing.gear for thing in (*lab.controls, *lab.actions)} <= {*lab.gears, "all", "view"}


def test_an_action_where_no_page_draws_it_is_an_error_when_the_lab_is_defined():
    with pytest.raises(ValueError, match=r"action begin-anew .* 'all', .* step, load, break, view"):
        Action("begin-anew", "Begin anew", "all", lambda _: "Begun.")  # type: ignore[arg-type]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_predictions_hold_within_their_tolerance(lab):
    for prediction in lab.predictions:
        assert prediction.holds(10.0, 10.0)
        assert not prediction.holds(10.0, 1_000.0)
        with pytest.raises(BadInput):
            prediction.parse("about ten")


NUMBERS = [p for lab in LABS for p in lab.predictions if not p.options]


@pytest.mark.parametrize("prediction", NUMBERS, ids=lambda prediction: prediction.name)
def test_what_is_counted_or_timed_is_not_predicted_below_zero(prediction):
    with pytest.raises(BadInput) as caught:
        prediction.parse(f"-1 {prediction.unit}")

    assert str(caught.value) == f"Your prediction cannot be “-1 {prediction.unit}”."
    assert caught.value.hint == f"Type 0 {prediction.unit} or more."
    assert prediction.parse("0") == 0.0
