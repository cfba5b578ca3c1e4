"""The race that the start page shows: the recorded file is what the servers do."""

import json

import pytest

from labs.catalogue import folder_of
from labs.recording import FILE, LAB, SETTINGS, record_race


def without_times(orders):
    return [
        {**order, "steps": [step | {"took_ms": 0} for step in order["steps"]]} for order in orders
    ]


@pytest.fixture(scope="module")
def played(supervisor):
    return record_race(supervisor)


def test_the_recorded_orders_end_as_real_servers_end_them(played):
    recorded = json.loads((folder_of(LAB) / FILE).read_text())

    assert recorded["settings"] == SETTINGS == played["settings"]
    assert without_times(recorded["orders"]) == without_times(played["orders"])


def test_every_step_of_a_record_has_what_the_server_answered(played):
    taken = [
        step
        for order in played["orders"]
        for step in order["steps"]
        if step["meaning"] != "left out"
    ]

    assert taken
    assert all(step["command"] and step["reply"] and step["took_ms"] > 0 for step in taken)
