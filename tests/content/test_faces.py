"""The faces that each page waits for have the characters that the pages use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.settings import ROOT

FACE = re.compile(r'url\("\.\./fonts/([a-z-]+)\.woff2"\).*?unicode-range: ([^;]+);')
TEXTS = ("lessons", "labs/catalogue", "templates")


def faces() -> dict[str, set[int]]:
    """The characters that each file is asked for."""
    found = FACE.findall((ROOT / "static/css/fonts.css").read_text())
    return {name: set(points(ranges)) for name, ranges in found}


def points(ranges: str) -> Iterator[int]:
    """The code points of ranges as a style sheet writes them: U+0041-005A, U+20AC."""
    for part in ranges.replace("U+", "").split(", "):
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def texts() -> Iterator[Path]:
    """The files that the pages are made of."""
    for folder in TEXTS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".md", ".toml", ".html", ".svg", ".py"}:
                yield path


@pytest.mark.parametrize("name", sorted(name for name in faces() if not name.endswith("-more")))
def test_the_two_files_of_a_face_share_no_character(name: str) -> None:
    known = faces()

    assert (ROOT / f"static/fonts/{name}.woff2").is_file()
    assert (ROOT / f"static/fonts/{name}-more.woff2").is_file()
    assert not known[name] & known[f"{name}-more"]


def test_no_page_needs_the_second_file_of_a_face() -> None:
    rare = set.union(*(chars for name, chars in faces().items() if name.endswith("-more")))

    found = {
        f"{path.relative_to(ROOT)}: {character} (U+{ord(character):04X})"
        for path in texts()
        for character in set(path.read_text())
        if ord(character) in rare
    }

    assert found == set()
