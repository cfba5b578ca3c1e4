"""Versioned compare-and-set: what is older than what is stored is never stored.

Redis compares and stores in one step, in a Lua script.
"""

import json
from contextlib import suppress

from labs.caching.cache import CacheDown

STORE_IF_NEWER = """-- store if newer
local stored = redis.call('GET', KEYS[1])
if stored and cjson.decode(stored).version >= tonumber(ARGV[1]) then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2])
if tonumber(ARGV[3]) > 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
"""


def read(shop, cache, item, ttl_s):
    key = f"{shop.what}:{item}"
    try:
        found = cache.get(key)
    except CacheDown:
        return shop.read(item)
    if found is not None:
        return json.loads(found)
    answer = shop.read(item)
    with suppress(CacheDown):
        cache.run(STORE_IF_NEWER, [key], answer["version"], json.dumps(answer), int(ttl_s * 1000))
    return answer


def write(shop, cache, item, price, ttl_s):
    answer = shop.change_price_returning(item, price)
    with suppress(CacheDown):
        cache.run(
            STORE_IF_NEWER,
            [f"{shop.what}:{item}"],
            answer["version"],
            json.dumps(answer),
            int(ttl_s * 1000),
        )
    return answer["version"]
