"""A message that is lost: item 42 changes while the server is dead, and the process that has the
item in its own memory gets no message.
"""

from __future__ import annotations

from labs.catalogue.invalidation import windows
from labs.sandbox.experiment import temporarily
from labs.sandbox.ledger import Request
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop import trials
from labs.setups.shop.application import app

ITEM = 42
OTHER = windows.one_of_another(ITEM)
LISTENS_S = 5.0
"""How long a process takes at most to listen again when its server is back."""


def lose(sandbox: Sandbox) -> Request:
    """The item is in the process's own memory and is written while the server is dead. Then another
    item's message comes through; the read of the item after it is returned.
    """
    shop = app(sandbox)
    trials.begin(sandbox)
    shop.read(ITEM)
    shop.read(OTHER, quiet=True)
    sandbox.server("cache", "kill")
    shop.write(ITEM, 19.90)
    sandbox.server("cache", "restart")
    sandbox.wait_until(lambda: windows.listeners(sandbox) > 0, deadline_s=LISTENS_S)
    shop.write(OTHER, 29.90)
    return shop.read(ITEM)


def lose_until_stale(sandbox: Sandbox) -> Request:
    """The stale read after a message was lost; then reads follow until one is fresh. If a busy
    machine starts the server too late for the first TTL, a longer one is used.
    """
    for ttl_s in (2.0, 8.0):
        with temporarily(sandbox, way="notified", ttl_s=ttl_s):
            read = lose(sandbox)
            if read.stale:
                sandbox.wait_until(
                    lambda: not app(sandbox).read(ITEM, quiet=True).stale,
                    deadline_s=2 * ttl_s,
                    every_s=0.1,
                )
                break
    return read
