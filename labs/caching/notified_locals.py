"""A cache in each process, and a channel on which a writer sends each key that has changed."""

from contextlib import suppress

from labs.caching.cache import CacheDown


def read(shop, cache, item, ttl_s):
    key = f"{shop.what}:{item}"
    found = cache.local.get(key)  # no trip at all
    if found is not None:
        return found
    answer = shop.read(item)
    cache.local.set(key, answer, ttl_s)
    return answer


def write(shop, cache, item, price, ttl_s):
    version = shop.change_price(item, price)
    with suppress(CacheDown):
        cache.publish("changed", f"{shop.what}:{item}")  # only processes that listen now get it
    return version
