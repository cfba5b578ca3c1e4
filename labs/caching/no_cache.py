"""No cache: every read asks the database."""

from labs.caching.cache import Cache
from labs.shop.shop import Shop


def read(shop: Shop, cache: Cache, item: int, ttl_s: float) -> dict[str, object]:
    return shop.read(item)


def write(shop: Shop, cache: Cache, item: int, price: float) -> int:
    return shop.change_price(item, price)
