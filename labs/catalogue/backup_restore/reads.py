"""The application's single reads: it asks the endpoint that stands in its settings, as an
application does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from labs.caching.cache import CacheDown
from labs.clients.address import straight
from labs.events import Travelled
from labs.load.clients import LeanRedis
from labs.sandbox.experiment import observed
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes import shop_data
from labs.setups.changes.backups import backups_of
from labs.setups.changes.bench import LINKS, node_asked


@dataclass(frozen=True, slots=True)
class Read:
    """What the application got at an address."""

    address: str
    key: str
    found: bool
    at: float


def read(sandbox: Sandbox, page: float) -> str:
    """One read by the application, over its link."""
    node, endpoint = node_asked(sandbox), str(sandbox.settings["endpoint"])
    key = shop_data.PAGE_KEY.format(int(page))
    address = sandbox.address_for_app(node)
    backups_of(sandbox)
    client = LeanRedis(straight(address), sandbox.servers[node].engine.access("shop"))
    try:
        found = client.get(key) is not None
    except CacheDown:
        sandbox.emit(Travelled(links=[LINKS[node]], meaning="error", words="no answer"))
        return f"No server answers at {endpoint} ({address})."
    finally:
        client.shut()
    observed(sandbox, Read(str(address), key, found, time.monotonic()))
    sandbox.emit(
        Travelled(
            links=[LINKS[node]],
            meaning="hit" if found else "miss",
            words="found" if found else "nothing",
            took_ms=client.times[-1] / 1000,
        )
    )
    words = f"{endpoint} ({address}) {'has' if found else 'has no'} {key}."
    sandbox.caption(
        words,
        "The application shows the page."
        if found
        else "For the application the page was never there.",
    )
    return words
