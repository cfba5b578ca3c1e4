"""Leases: a reader that misses takes a token, and may store only while its token stands.

A writer takes the token away, then deletes.
"""

import json
from contextlib import suppress
from uuid import uuid4

from labs.caching.cache import CacheDown

STORE_IF_LEASED = """-- store if leased
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2])
if tonumber(ARGV[3]) > 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
"""


def read(shop, cache, item, ttl_s):
    key, token = f"{shop.what}:{item}", uuid4().hex
    try:
        found = cache.get(key)
        if found is not None:
            return json.loads(found)
        cache.set(f"{key}:lease", token, 10)
    except CacheDown:
        return shop.read(item)
    answer = shop.read(item)
    with suppress(CacheDown):
        cache.run(
            STORE_IF_LEASED, [key, f"{key}:lease"], token, json.dumps(answer), int(ttl_s * 1000)
        )
    return answer


def write(shop, cache, item, price, ttl_s):
    version = shop.change_price(item, price)
    with suppress(CacheDown):
        cache.delete(f"{shop.what}:{item}:lease")  # before the answer: a token must not outlive it
        cache.delete(f"{shop.what}:{item}")
    return version
