"""The steps through the lab invalidation."""

from labs.catalogue.invalidation import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, choose, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import alone

MEASURE = press("measure-one")
READ_CATEGORY = press("read-category", item=42)
TEN_AND_ANOTHER = 11
"""The reads of one press."""


@check("The cache has ten items of one category, and one of another")
def category_is_held(sandbox: Sandbox) -> Verdict:
    """For the guide only: the cache holds items that one price change can remove."""
    reads = [r for r in alone(sandbox, "tags") if r.function == "read"][-TEN_AND_ANOTHER:]
    if len(reads) < TEN_AND_ANOTHER or any(r.queries for r in reads):
        raise unmet("The newest eleven reads were not all hits.")
    return met("All eleven reads were hits.", {})


GUIDE = (
    Step(
        "Set the time to live to one second.",
        choose("ttl_s", 1),
        "What a read stores from now on expires after one second.",
    ),
    Step(
        "Measure how long the cache serves old prices.",
        MEASURE,
        "The cache returned an old price until its time to live ended.",
        until=checks.ttl_window,
        how="“When a price changes” must be “Time to live alone”. It takes about two seconds.",
    ),
    Step(
        "Let a write delete the cached item.",
        choose("way", "delete"),
        "After each write the next read asks the database.",
    ),
    Step(
        "Measure it with the same requests.",
        MEASURE,
        "Far fewer reads were stale than with a time to live alone.",
        until=checks.delete_window,
        how="The table must have the row “Time to live alone”, too.",
    ),
    Step(
        "Measure all five with the same requests.",
        press("measure-all"),
        "Versions and tags left keys that no read uses again; deleting left none.",
        until=checks.left_behind,
        how="It takes about 15 seconds.",
    ),
    Step(
        "Look at the last row: caches in the processes.",
        WATCH,
        "A hit needed no request to a server, and a message deleted most old copies.",
        until=checks.told_window,
        how="Each process keeps items itself, and a writer publishes what it has changed.",
    ),
    Step(
        "Tag each item with its category.",
        choose("way", "tags"),
        "The name of each key now has the number of its category in it.",
    ),
    Step(
        "Set the time to live to a minute.",
        choose("ttl_s", 60),
        "What is stored now stays while you look at it.",
    ),
    Step(
        "Read ten items of one category.",
        READ_CATEGORY,
        "The cache now has the ten items, and one of another category.",
    ),
    Step(
        "Read them again.",
        READ_CATEGORY,
        "Every read was a hit.",
        until=category_is_held,
        how="Press it until none of the eleven items needs the database.",
    ),
    Step(
        "Change the price of item 42.",
        press("change-price", item=42),
        "The write increased the number of the category, so its old keys are never read again.",
    ),
    Step(
        "Read the ten items once more.",
        READ_CATEGORY,
        "All ten were misses after one write; the other category was still a hit.",
        until=checks.tag_takes_all,
        how="If the check is not met, read them again, change the price, and read them once more.",
    ),
    Step(
        "Give each process a cache of its own.",
        choose("way", "notified"),
        "A process deletes an old copy only when it receives a message.",
    ),
    Step(
        "Guess which price a read gets after a lost message.",
        predict("message-lost"),
        "The cache was down when the price changed, so no process received the message.",
    ),
    Step(
        "Read item 42 until its price is new.",
        press("read", item=42),
        "The time to live removed the old copy that the lost message had left.",
        until=checks.message_lost,
        how="Press it until the answer is a miss. The time to live was 5 s for this measurement.",
    ),
)
