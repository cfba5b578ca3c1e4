"""Delete first, then change the database: the wrong way round."""

from contextlib import suppress

from labs.caching.cache import CacheDown


def write(shop, cache, item, price, ttl_s):
    with suppress(CacheDown):
        cache.delete(f"{shop.what}:{item}")
    return shop.change_price(item, price)
