"""How near a prediction must come is found by running, and stands in the lab's folder."""

import pytest

from labs.catalogue import catalogue
from labs.lab import tolerances
from labs.lab.tolerances import tolerance
from portal.settings import ROOT


def test_three_times_the_widest_distance_from_the_median():
    assert tolerance([10.0, 11.0, 9.5]) == pytest.approx(0.3)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], ["hit", "hit"], [0.0, 0.0]])
def test_what_is_always_the_same_has_none(values):
    assert tolerance(values) == 0.0


@pytest.mark.parametrize("lab", catalogue().values(), ids=lambda lab: lab.id)
def test_every_prediction_of_a_lab_has_been_run_often(lab):
    folder = ROOT / "labs" / "catalogue" / lab.id.replace("-", "_")

    measured = tolerances.of(folder)

    assert set(measured) == {prediction.name for prediction in lab.predictions}
    assert {p.name: p.tolerance for p in lab.predictions if p.tolerance} == {
        name: value for name, value in measured.items() if value
    }


def test_a_lab_without_the_file_has_no_tolerances(tmp_path):
    assert tolerances.of(tmp_path) == {}
