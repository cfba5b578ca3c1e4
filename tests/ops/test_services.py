"""A part of the site that hangs is killed and started again; one that answers is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portal.serve import service
from portal.serve.child import Launch
from portal.serve.service import Service
from tests.waiting import eventually


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part may be silent, and all are looked at each time."""
    for name in ("START_S", "SILENT_S", "LOOK_EVERY_S"):
        monkeypatch.setattr(service, name, 0.0)


def sleeper(directory: Path) -> Launch:
    return Launch(
        name="sleeper", argv=["/bin/sleep", "60"], environment=os.environ, directory=directory
    )


def test_a_part_that_hangs_is_killed_and_started_again(
    impatient: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = Service("sleeper", tmp_path / "log", lambda: sleeper(tmp_path), lambda: False)
    first = part.start()

    def another() -> bool:
        part.keep_running()
        return part.child is not None and part.child is not first

    try:
        eventually(another)
        assert first.exit_code() == -9
        assert "sleeper does not answer and is killed." in capsys.readouterr().err
    finally:
        assert part.child
        part.child.stop()


def test_a_part_that_answers_is_left_alone(impatient: None, tmp_path: Path) -> None:
    part = Service("sleeper", tmp_path / "log", lambda: sleeper(tmp_path), lambda: True)
    first = part.start()
    try:
        for _ in range(3):
            part.keep_running()
        assert part.child is first and first.exit_code() is None
    finally:
        first.stop()
