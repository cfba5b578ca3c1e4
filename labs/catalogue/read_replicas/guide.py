"""The steps that lead a learner through the lab read-replicas."""

from labs.catalogue.read_replicas import checks
from labs.lab import Step
from labs.lab.guide import choose, load, predict, press

GUIDE = (
    Step(
        "Start the load.",
        load("start"),
        "One client writes at the primary endpoint, six clients read at the reader endpoint.",
    ),
    Step(
        "Count which servers answer the reads.",
        press("count"),
        "The two replicas answered about half of the reads each, and the primary none.",
        until=checks.spread,
        how="Press it until both answer about the same.",
    ),
    Step(
        "Guess which part of the reads a third replica answers.",
        predict("spread"),
        "The new replica answered nothing: each reader kept the connection that it had.",
    ),
    Step(
        "Start the load again.",
        load("start"),
        "The six clients read at the reader endpoint again.",
        how="The measurement has stopped it.",
    ),
    Step(
        "Add a replica.",
        press("add-replica"),
        "It copied all data, and the reader endpoint leads new connections to it.",
    ),
    Step(
        "Let readers keep a connection for 1 second.",
        choose("keep_connections_s", 1),
        "Each reader now connects again after a second, at the reader endpoint.",
    ),
    Step(
        "Count again.",
        press("count"),
        "The new replica answers its part: the endpoint spreads connections, not requests.",
        until=checks.by_connection,
        how="Press it until the new replica answers.",
    ),
    Step(
        "Remove a replica.",
        press("remove-replica"),
        "Its readers lost their connections and connected again, to the replicas that are left.",
    ),
    Step(
        "Count the reads that are still answered.",
        press("count"),
        "The other replicas answer as many reads as before.",
        until=checks.removed,
        how="Press it until they answer as many reads as before.",
    ),
    Step(
        "Follow a write to cache-002.",
        press("follow", replica="cache-002"),
        "The primary does not wait for the replica, so the write arrived there a moment later.",
    ),
    Step(
        "Slow the link to cache-002 to 100 ms.",
        press("slow-link", replica="cache-002", delay_ms=100),
        "What the primary sends to cache-002 now arrives 100 ms later.",
    ),
    Step(
        "Follow another write to cache-002.",
        press("follow", replica="cache-002"),
        "The slow link keeps the replica behind the primary, by milliseconds and by bytes.",
        until=checks.lags,
        how="Press it until the check is met.",
    ),
    Step(
        "Slow the link to cache-003, too.",
        press("slow-link", replica="cache-003", delay_ms=100),
        "Both replicas of the reader endpoint are now 100 ms behind.",
    ),
    Step(
        "Compare reads right after a write, at both endpoints.",
        press("own-reads"),
        "Most reads at the replicas did not have the write yet; at the primary all had it.",
        until=checks.own_writes,
        how="Press it until enough reads are counted.",
    ),
    Step(
        "Try to write to cache-002.",
        press("write-to-replica", replica="cache-002"),
        "The replica answered READONLY: only the primary takes writes.",
        until=checks.read_only,
    ),
)
