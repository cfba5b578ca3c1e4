"""The figures that lessons quote: what is measured anew takes its place, what was measured before
stays.
"""

from __future__ import annotations

import tomllib

from portal.content import measuring


def test_a_lab_measured_alone_leaves_the_others_as_they_were(tmp_path):
    measuring.write(
        tmp_path,
        {"b-lab": "[b-lab]\nruns = 5\nhit_ms = 1\n", "a-lab": "[a-lab]\nruns = 5\nhit_ms = 2\n"},
    )

    measuring.write(tmp_path, {"b-lab": "[b-lab]\nruns = 5\nhit_ms = 3\n"})

    text = (tmp_path / "measured.toml").read_text()
    assert text.startswith("# Made by")
    assert tomllib.loads(text) == {
        "a-lab": {"runs": 5, "hit_ms": 2},
        "b-lab": {"runs": 5, "hit_ms": 3},
    }


def test_writing_what_is_there_changes_nothing(tmp_path):
    tables = {"a-lab": "[a-lab]\nruns = 5\n", "b-lab": "[b-lab]\nruns = 5\n"}
    measuring.write(tmp_path, tables)
    before = (tmp_path / "measured.toml").read_text()

    measuring.write(tmp_path, tables)

    assert (tmp_path / "measured.toml").read_text() == before
