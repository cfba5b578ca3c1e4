"""The way through the lab cache-aside."""

from labs.catalogue.cache_aside import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import choose, press, server
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.strategies import NOT_INVALIDATED


@check("A read got the old price from the cache")
def old_price_was_read(sandbox: Sandbox) -> Verdict:
    """Only the guide asks: was the cached page still there when the price changed?"""
    writes = [w for w in sandbox.ledger.writes() if w.strategy == NOT_INVALIDATED.name]
    for read in sandbox.ledger.reads(item=writes[-1].item) if writes else []:
        if read.stale and read.number > writes[-1].number:
            return met(f"Request {read.number} was stale.", {"request": read.number})
    raise unmet("No read after the newest price change was stale.")


GUIDE = (
    Step(
        "Read item 42.",
        press("read", item=42),
        "The cache was empty, so the app read the database and stored the result.",
        until=checks.first_read_misses,
    ),
    Step(
        "Read item 42 a second time.",
        press("read", item=42),
        "The cache had the page, so the database did no work.",
        until=checks.second_read_hits,
    ),
    Step(
        "Change the price of item 42.",
        press("change-price", item=42),
        "The app wrote the new price to the database, then deleted the cached page.",
    ),
    Step(
        "Read item 42 again.",
        press("read", item=42),
        "The cached page was deleted, so this read was a miss and returned the new price.",
        until=checks.delete_on_write,
    ),
    Step(
        "Set the app to leave the cached page alone.",
        choose("invalidate", "none"),
        "The cache now keeps the old page until its TTL ends.",
    ),
    Step(
        "Set the TTL to 20 seconds.",
        choose("ttl_s", 20),
        "Each page that is stored from now on expires after 20 s.",
    ),
    Step(
        "Empty the cache.",
        press("flush"),
        "The page that had the longer TTL is gone.",
    ),
    Step(
        "Read item 42: the app stores it.",
        press("read", item=42),
        "The page is in the cache for 20 s.",
    ),
    Step(
        "Change the price again.",
        press("change-price", item=42, price=19.95),
        "The app wrote the new price to the database, and did not touch the cache.",
    ),
    Step(
        "Read it now: the price is old.",
        press("read", item=42),
        "This read was stale: the app returned the old price from the cache.",
        until=old_price_was_read,
        how="If the price is new, the TTL has ended: change the price again, and read again "
        "within 20 s.",
    ),
    Step(
        "Wait 20 seconds, then read it once more.",
        press("read", item=42),
        "The TTL ended, so the app read the new price: the TTL limits staleness.",
        until=checks.stale_until_ttl,
        how="Press it until the answer is a miss.",
    ),
    Step(
        "Kill the cache.",
        server("cache", "kill"),
        "The cache is down, and the application still runs.",
    ),
    Step(
        "Read ten times without a cache.",
        press("read-ten", item=42),
        "The database answered every read: slower, but correct.",
        until=checks.dead_cache_answers,
    ),
)
