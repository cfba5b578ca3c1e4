"""The way through the lab strategies."""

from labs.catalogue.strategies import checks
from labs.lab import Step
from labs.lab.guide import choose, predict, press

RUN = press("try-one")

GUIDE = (
    Step(
        "Choose lazy loading with a time to live.",
        choose("strategy", "lazy-ttl"),
        "A miss stores the item for half a second; a write does not touch the cache.",
    ),
    Step(
        "Run the chosen strategy.",
        RUN,
        "The cache returned old prices, but none for longer than the time to live.",
        until=checks.ttl_bounds,
        how="It takes about two seconds. Each run gets the same requests.",
    ),
    Step(
        "Choose lazy loading without a time to live.",
        choose("strategy", "lazy"),
        "A miss now stores the item without a TTL.",
    ),
    Step(
        "Run the same requests again.",
        RUN,
        "More reads were stale, and for longer: nothing replaced the old price.",
        until=checks.lazy_is_staler,
        how="The table must have the row “Lazy loading + TTL”, too.",
    ),
    Step(
        "Choose no cache.",
        choose("strategy", "no-cache"),
        "Every read now goes to the database.",
    ),
    Step(
        "Run the same requests without a cache.",
        RUN,
        "No read was stale, but the database did all the work.",
        until=checks.no_cache_asks_most,
        how="The table must have a row with a cache, too.",
    ),
    Step(
        "Choose write-through.",
        choose("strategy", "write-through"),
        "Every write now stores the item in the cache, too.",
    ),
    Step(
        "Run the same requests once more.",
        RUN,
        "No read was stale, and the cache answered a part of them.",
        until=checks.write_through_fresh,
    ),
    Step(
        "Guess which of the five strategies asks the database least.",
        predict("asks-least"),
        "All five had the same requests, so their numbers can be compared.",
        until=checks.same_trace,
        how="The five runs take about 10 seconds.",
    ),
    Step(
        "Choose write-through again.",
        choose("strategy", "write-through"),
        "Write-through left no stale read while every write went through the cache.",
    ),
    Step(
        "Send 20 % of the writes past the cache.",
        choose("behind_percent", 20),
        "One write in five now goes to the database alone, as from another app.",
    ),
    Step(
        "Run write-through with those writes.",
        RUN,
        "The cache kept old prices, because those writes changed only the database.",
        until=checks.behind_its_back,
    ),
)
