"""The way through the lab database-relief."""

from labs.catalogue.database_relief import checks
from labs.lab import Step
from labs.lab.guide import WATCH, choose, load

GUIDE = (
    Step(
        "Start the load without a cache.",
        load("start"),
        "Every request now reads the database.",
    ),
    Step(
        "Watch the database for two seconds.",
        WATCH,
        "Postgres counts as many queries as the clients send requests.",
        until=checks.ran_without_cache,
        how="Look at the number of queries in the drawing.",
    ),
    Step(
        "Turn the cache on while the load runs.",
        choose("cache", "on"),
        "The cache answers what it has stored, so only misses reach the database.",
        until=checks.relief,
        how="Give the cache a few seconds to fill.",
    ),
    Step(
        "Compare the times of hits and misses.",
        WATCH,
        "A hit is faster than a miss, because it needs no query.",
        until=checks.hits_are_fast,
        how="Keep the load running until enough requests of both kinds are counted.",
    ),
    Step(
        "Compare the servers’ counters with the clients’ requests.",
        WATCH,
        "The hits of the cache and the queries of Postgres add up to all requests.",
        until=checks.server_agrees,
        how="Keep the load running until they agree.",
    ),
    Step(
        "Change the engine to Memcached.",
        choose("engine", "memcached"),
        "Both engines save the database the same work.",
        until=checks.both_engines,
        how="The load goes on. The new engine starts empty and fills.",
    ),
)
