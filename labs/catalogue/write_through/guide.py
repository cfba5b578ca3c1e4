"""The steps through the lab write-through."""

from labs.catalogue.write_through import checks
from labs.lab import Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, choose, load, predict, press
from labs.sandbox.sandbox import Sandbox
from labs.setups.shop.checks import alone


@check("The cache has the item")
def item_is_held(sandbox: Sandbox) -> Verdict:
    """For the guide only: the cache holds an item that is lost with its node."""
    reads = [r for r in alone(sandbox, "write-through") if r.function == "read"]
    if not reads or not reads[-1].hits:
        raise unmet("The newest read was no hit.")
    return met(f"Item {reads[-1].item} was a hit.", {})


@check("The new node does not have the item")
def item_is_missed_twice(sandbox: Sandbox) -> Verdict:
    """For the guide only: a read that missed has stored nothing."""
    newest = alone(sandbox, "write-through")[-2:]
    if len(newest) < 2 or not all(r.function == "read" and r.misses for r in newest):
        raise unmet("The newest two requests were not both misses.")
    return met(f"Item {newest[-1].item} was a miss twice.", {})


GUIDE = (
    Step(
        "Change the price of item 42.",
        press("change-price", item=42),
        "The app wrote the price to the database, then the whole item to the cache.",
    ),
    Step(
        "Guess how much longer a write takes with two trips.",
        predict("write-times"),
        "Each write waited for the database, then for the cache.",
        until=checks.two_trips,
    ),
    Step(
        "Read item 42: the write has stored it.",
        press("read", item=42),
        "The read was a hit, although no read had stored the item.",
        until=item_is_held,
        how="If it is a miss, change its price first.",
    ),
    Step(
        "Replace the cache node.",
        press("new-node"),
        "The new node is empty: what the cache had is lost.",
    ),
    Step(
        "Read item 42 on the new node, twice.",
        press("read", item=42),
        "Both reads were misses, because with write-through a read stores nothing.",
        until=item_is_missed_twice,
        how="Press it until two reads in a row were misses.",
    ),
    Step(
        "Change the price of item 42 again.",
        press("change-price", item=42, price=19.95),
        "The write stored the item on the new node.",
    ),
    Step(
        "Read item 42 once more.",
        press("read", item=42),
        "It was a hit again: only a write fills the new node.",
        until=checks.new_node_empty,
    ),
    Step(
        "Let the clients send 2,000 requests a second.",
        choose("rate_per_s", 2_000),
        "At this rate the clients make 10,000 reads within seconds.",
    ),
    Step(
        "Start the load.",
        load("start"),
        "One request in ten now changes a price, the others read.",
    ),
    Step(
        "Wait until 10,000 reads are compared.",
        WATCH,
        "No read was stale: the write updates the cache before the next read comes.",
        until=checks.never_stale,
        how="Look at the number of stale reads: it stays at zero.",
    ),
    Step(
        "Stop the load.",
        load("stop"),
        "The servers are free for the next measurement.",
    ),
    Step(
        "Guess how many keys were never read.",
        predict("unread"),
        "The cache began empty, and 600 requests came, half of them writes.",
    ),
    Step(
        "Count the keys that are in memory now.",
        press("count-keys"),
        "Each write stored an item, and many of them have never been read.",
        until=checks.unread_keys,
    ),
)
