"""What a page shows of an engine is what the registry of engines says of its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from labs.engines.registry import registry


@pytest.mark.parametrize(
    ("glyph", "slots", "rows"), [("slots", True, True), ("rows", False, True), ("", False, True)]
)
def test_the_box_of_a_cache_is_filled_with_its_glyph(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, glyph: str, slots: bool, rows: bool
) -> None:
    monkeypatch.setitem(registry, "redis", replace(registry["redis"], glyph=glyph))

    page = client.get("/labs/cache-aside").text

    assert ('class="slot"' in page, 'class="rowline"' in page) == (slots, rows)
