"""A file fits in the head, and a lab's definition on a few pages."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("labs", "portal", "scripts", "static", "templates", "tests")
KINDS = {".py", ".js", ".css", ".html"}
MOST_LINES, MOST_LINES_OF_A_LAB = 400, 250


def longer_than(most, paths):
    """Path to number of lines, of the files that are too long."""
    lines = {path: len(path.read_text().splitlines()) for path in paths}
    return {str(path.relative_to(ROOT)): many for path, many in lines.items() if many > most}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_too_long(folder):
    paths = [path for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]

    assert paths
    assert longer_than(MOST_LINES, paths) == {}


def test_no_lab_is_too_long():
    paths = list((ROOT / "labs/catalogue").glob("*/lab.py"))

    assert paths
    assert longer_than(MOST_LINES_OF_A_LAB, paths) == {}
