"""Tags: all keys of a category carry the number of its generation.

One count and all of them are new.
"""

import json
from contextlib import suppress

from labs.caching.cache import CacheDown


def read(shop, cache, item, ttl_s):
    try:
        generation = int(cache.get(f"generation:{shop.category_of(item)}") or 0)
        key = f"{shop.what}:{item}:g{generation}"
        found = cache.get(key)
    except CacheDown:
        return shop.read(item)
    if found is not None:
        return json.loads(found)
    answer = shop.read(item)
    with suppress(CacheDown):
        cache.set(key, json.dumps(answer), ttl_s)
    return answer


def write(shop, cache, item, price, ttl_s):
    version = shop.change_price(item, price)
    with suppress(CacheDown):
        cache.incr(f"generation:{shop.category_of(item)}")  # the whole category is new
    return version
