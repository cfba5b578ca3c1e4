"""The sentence under the drawing says what a price change did to the cached copy, and no more."""

import pytest

from labs.catalogue import find
from labs.events import CaptionChanged
from labs.setups.shop.application import Application


@pytest.mark.parametrize(
    ("lab", "settings", "said"),
    [
        ("cache-aside", {}, "The app deleted the cached copy."),
        ("cache-aside", {"invalidate": "none"}, "The cache was not changed."),
        ("strategies", {"strategy": "write-through"}, "The app changed the cache, too."),
    ],
)
def test_after_a_price_change(open_sandbox, lab, settings, said):
    sandbox = open_sandbox(find(lab), events := [])
    for name, value in settings.items():
        sandbox.set(name, value)
    application = sandbox.part(Application)
    application.read(42)

    application.write(42, 19.5)

    captions = [event.text for event in events if isinstance(event, CaptionChanged)]
    assert captions[-1] == f"The database has the new price. {said}"
