"""The way through the lab eviction."""

from labs.catalogue.eviction import batch
from labs.lab import Check, Step, Verdict, check, met, unmet
from labs.lab.guide import WATCH, Guide, choose, load, predict, press
from labs.sandbox.sandbox import Sandbox

WATCHED_S = 3.0
HARDLY_ANY_PERCENT = 5.0
BATCH_JOB = press("batch-job")


@check("The batch job has run with volatile-lru, and its keys have a TTL")
def evicted_with_a_ttl(sandbox: Sandbox) -> Verdict:
    """Only the guide asks: the next step is about keys without a TTL."""
    job = batch.newest(sandbox, "volatile-lru", with_ttl=True)
    if not job.evicted_keys:
        raise unmet("Redis evicted no key.")
    return met("Redis evicted keys.", job.evidence)


@check("For three seconds, hardly any read was a hit")
def load_was_watched(sandbox: Sandbox) -> Verdict:
    """Only the guide asks: was the hit rate of the full cache to be seen?"""
    seen = 0.0
    for reading in reversed(list(sandbox.sampler.history)):
        if not reading.loaded or reading.settings["policy"] != sandbox.settings["policy"]:
            break
        if reading.values.get("hit_rate_percent", 100.0) > HARDLY_ANY_PERCENT:
            break
        seen += reading.seconds
    if seen < WATCHED_S:
        raise unmet("The load has not run for long enough, or reads were hits.")
    return met("Hardly any read was a hit.", {})


def through(noeviction: Check, allkeys: Check, volatile: Check, recovers: Check) -> Guide:
    """The steps that lead to the checks of the lab, in their order."""
    return (
        Step(
            "Choose the policy noeviction.",
            choose("policy", "noeviction"),
            "Redis started again, empty; with this policy it may not delete a key.",
        ),
        Step(
            "Let the batch job write more than fits.",
            BATCH_JOB,
            "Redis refused every write after its memory was full.",
            until=noeviction,
        ),
        Step(
            "Choose the policy allkeys-lru.",
            choose("policy", "allkeys-lru"),
            "Redis may now delete the key that was not used for longest.",
        ),
        Step(
            "Run the same batch job.",
            BATCH_JOB,
            "Redis accepted every write and evicted old keys to make room.",
            until=allkeys,
        ),
        Step(
            "Choose volatile-lru, the default of ElastiCache.",
            choose("policy", "volatile-lru"),
            "Redis may now delete only keys that have a TTL.",
        ),
        Step(
            "Run it again: the keys have a TTL.",
            BATCH_JOB,
            "Redis evicted old keys, because all of them have a TTL.",
            until=evicted_with_a_ttl,
            how="“Keys” must be “have a TTL”.",
        ),
        Step(
            "Guess what happens if no key has a TTL.",
            predict("without-ttl"),
            "Redis found no key that it was allowed to delete, so it refused the write.",
            until=volatile,
            how="Run the batch job with volatile-lru first, if you have not.",
        ),
        Step(
            "Start the load on the full cache.",
            load("start"),
            "The shop reads its items, and tries to store each item that was a miss.",
            how="The reports of the measurement still fill the cache: they have no TTL.",
        ),
        Step(
            "Watch the hit rate for three seconds.",
            WATCH,
            "Hardly any read was a hit: the reports fill the memory, so Redis stored no item.",
            until=load_was_watched,
            how="If reads are hits, set “Keys” to “have no TTL”, run the batch job, and start the "
            "load.",
        ),
        Step(
            "Stop the load.",
            load("stop"),
            "The servers are free for the comparison.",
        ),
        Step(
            "Compare the policies.",
            press("compare"),
            "With allkeys-lru the items replaced the reports; with noeviction Redis refused them.",
            until=recovers,
            how="Each policy gets the same batch job, then the same requests.",
        ),
    )
