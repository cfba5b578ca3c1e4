"""The load's own client, in a process of its own as in the load: GETs one key as fast as it is
answered, timed as the load times it.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from array import array
from collections import Counter
from typing import Any

from labs.clients.access import Access
from labs.clients.address import Address
from labs.load.clients import LeanRedis
from labs.network.links import Route


def get(cache: LeanRedis, key: str, calls: int) -> dict[str, Any]:
    """The seconds in all, and the number of calls for each number of microseconds."""
    cache.times = array("Q")
    began = time.perf_counter()
    for _ in range(calls):
        cache.get(key)
    seconds = time.perf_counter() - began
    if cache.misses:
        raise ValueError("the key is not there")
    return {"seconds": seconds, "times": sorted(Counter(cache.times).items())}


def main() -> None:
    """Obey lines: first the ends of a route and who asks, then {"key", "calls"} until there are no
    more.
    """
    gc.disable()
    orders = json.loads(sys.stdin.readline())
    ends = Address(**orders["listen_address"]), Address(**orders["target"])
    connected = Route(*ends, orders["file"], orders["index"]).open()
    cache = LeanRedis(connected, Access(orders["user"], orders["password"]))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(get(cache, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
