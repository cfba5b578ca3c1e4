"""Write-through: every write to the database writes the cache as well, at once."""

import json
from contextlib import suppress

from labs.caching.cache import CacheDown


def read(shop, cache, item, ttl_s):
    with suppress(CacheDown):
        found = cache.get(f"{shop.what}:{item}")
        if found is not None:
            return json.loads(found)
    return shop.read(item)  # only a write stores


def write(shop, cache, item, price, ttl_s):
    answer = shop.change_price_returning(item, price)
    with suppress(CacheDown):
        cache.set(f"{shop.what}:{item}", json.dumps(answer), ttl_s)
    return answer["version"]
