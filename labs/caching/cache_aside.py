"""Cache-aside, also called lazy loading: the application looks in the cache, else asks the
database, then stores.
"""

import json
from contextlib import suppress

from labs.caching.cache import CacheDown


def read(shop, cache, item, ttl_s):
    key = f"{shop.what}:{item}"
    try:
        found = cache.get(key)
    except CacheDown:
        return shop.read(item)  # slower, never wrong
    if found is not None:
        return json.loads(found)
    answer = shop.read(item)
    with suppress(CacheDown):
        cache.set(key, json.dumps(answer), ttl_s)
    return answer


def write(shop, cache, item, price, ttl_s):
    version = shop.change_price(item, price)
    with suppress(CacheDown):
        cache.delete(f"{shop.what}:{item}")
    return version


def write_without_invalidation(shop, cache, item, price, ttl_s):
    return shop.change_price(item, price)  # the cache keeps the old price
