"""What must be seen in the lab read-replicas, judged by what the servers themselves counted."""

from __future__ import annotations

import itertools

from labs.catalogue.read_replicas.watching import (
    DELAY_MS,
    FOLLOWED_TIMES,
    LEAST_OWN,
    LEAST_READS,
    Lag,
    OwnReads,
    Refusal,
    Window,
)
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.replication.bench import group_of

SPREAD_PERCENT = 10.0


@check("The reader endpoint spreads reads over the replicas, within 10 %")
def spread(sandbox: Sandbox) -> Verdict:
    windows = require_seen(
        [
            window
            for window in reversed(sandbox.ledger.seen(Window))
            if sum(window.reads.values()) >= LEAST_READS
            and len(window.replicas) > 1
            and not window.added
        ],
        "The reads of two replicas or more have not been counted yet.",
        hint="In the tab Load press “Start the load”, then “Count who answers”.",
    )
    window = next((one for one in windows if one.spread_percent <= SPREAD_PERCENT), windows[0])
    evidence: dict[str, Value] = {
        f"reads_of_{name}": window.reads.get(name, 0) for name in window.replicas
    }
    evidence["seconds"] = round(window.seconds, 2)
    evidence["furthest_from_equal_percent"] = round(window.spread_percent, 1)
    if window.spread_percent <= SPREAD_PERCENT:
        return met(
            f"{len(window.replicas)} replicas answered {window.total:,} reads. The one furthest "
            f"from an equal part was {window.spread_percent:.1f} % off.",
            evidence,
        )
    if not window.total:
        raise unmet(
            "No replica answered a read: the primary answered all of them.",
            evidence,
            hint="In the tab Load press “Add a replica”, then “Stop the load”, “Start the load” "
            "and “Count who answers”.",
        )
    raise unmet(
        f"One replica is {window.spread_percent:.0f} % off an equal part of {window.total:,} "
        "reads.",
        evidence,
        hint="The endpoint spreads connections. In the tab Load set “Readers” to a multiple of the "
        "number of replicas, press “Stop the load”, “Start the load” and “Count who answers”.",
    )


@check("It spreads connections: a new replica answers nothing until clients connect again")
def by_connection(sandbox: Sandbox) -> Verdict:
    def newest(*, reconnected: bool) -> Window | None:
        return sandbox.ledger.newest(
            Window, lambda w: w.added and w.total >= LEAST_READS and w.reconnected == reconnected
        )

    late = require_seen(
        newest(reconnected=False),
        "The reads of a replica that was added under load have not been counted yet.",
        hint="In the tab Load set “Readers keep a connection for” to 0 s and press “Start the "
        "load”. While it runs press “Add a replica”, then “Count who answers”.",
    )
    new = late.added[0]
    share = late.share_percent(new)
    evidence: dict[str, Value] = {
        "added": new,
        "its_share_at_first_percent": round(share, 1),
        "reads_at_first": late.total,
    }
    if share > SPREAD_PERCENT / 2:
        raise unmet(
            f"{new} answered {share:.0f} % of the reads at once.",
            evidence,
            hint="In the tab Load set “Readers keep a connection for” to 0 s, so that "
            "they keep it. Then press “Remove a replica”, “Add a replica” and “Count who answers”.",
        )
    after = require_seen(
        newest(reconnected=True),
        f"{new} answers no read, because every reader still uses the connection that it has.",
        evidence,
        hint="In the tab Load set “Readers keep a connection for” to 1 s, wait two seconds and "
        "press “Count who answers”.",
    )
    share_after = after.share_percent(new)
    evidence["its_share_after_percent"] = round(share_after, 1)
    evidence["connections_kept_s"] = after.keep_s
    if share_after > 0:
        return met(
            f"{new} answered {share:.0f} % of the reads while the readers kept their connections, "
            f"and {share_after:.0f} % after they had connected again.",
            evidence,
        )
    raise unmet(
        f"{new} answers no read, although readers have connected again.",
        evidence,
        hint="Wait two seconds more and press “Count who answers” in the tab Load again.",
    )


@check("A replica lags behind by its link, in bytes and in milliseconds")
def lags(sandbox: Sandbox) -> Verdict:
    # A busy machine may hold up a write: the quickest one shows what the link takes.
    seen = sandbox.ledger.seen(Lag)
    links = [lag for lag in seen if lag.delay_ms < DELAY_MS]
    whole = min(links, key=lambda lag: lag.took_ms, default=None)
    slowed = [lag for lag in seen if lag.delay_ms >= DELAY_MS][-FOLLOWED_TIMES:]
    slow = min(slowed, key=lambda lag: lag.took_ms - lag.delay_ms, default=None)
    if slow is None or whole is None:
        raise unmet(
            f"No write has been followed over a {'whole' if slow else 'slowed'} link yet.",
            hint="In the tab Break set “Each way” to 0 ms, press “Slow a replica’s link” and "
            "“Follow a write there”."
            if slow
            else "In the tab Break press “Slow a replica’s link” with 20 ms, then “Follow a write "
            "there” for the same replica.",
        )
    evidence: dict[str, Value] = {
        "slowed_by_ms": slow.delay_ms,
        **evidence_of(slow, "took_ms", "bytes_behind", prefix="slow_"),
        **evidence_of(whole, "took_ms", "bytes_behind", prefix="whole_"),
    }
    if slow.took_ms >= slow.delay_ms > whole.took_ms:
        return met(
            f"{slow.replica} had a write after {slow.took_ms:.1f} ms over the slowed link, with "
            f"{slow.bytes_behind:,} bytes on their way. Over a whole link it took "
            f"{whole.took_ms:.1f} ms.",
            evidence,
        )
    raise unmet(
        f"A write took {slow.took_ms:.1f} ms over a link that is slowed by {slow.delay_ms:g} ms, "
        f"and {whole.took_ms:.1f} ms over a whole one.",
        evidence,
        hint="In the tab Break set “Each way” to 50 ms, press “Slow a replica’s link” and “Follow "
        "a write there” again.",
    )


@check("Right after a write, a replica may not have it; the primary does")
def own_writes(sandbox: Sandbox) -> Verdict:
    def newest(where: str) -> OwnReads | None:
        return sandbox.ledger.newest(OwnReads, lambda o: o.reads >= LEAST_OWN and o.where == where)

    replicas, primary = newest("reader"), newest("primary")
    few = sandbox.ledger.newest(OwnReads, lambda one: one.reads < LEAST_OWN)
    if few is not None and (replicas is None or primary is None):
        raise unmet(
            f"The writer has read only {few.reads} of {LEAST_OWN} own writes: too few to judge.",
            hint="Raise “Writes a second” in the tab Load, then press “Compare reads of own "
            "writes”.",
        )
    if replicas is None or primary is None:
        raise unmet(
            "The writer has not read its own writes at both endpoints yet.",
            hint=_how_to_see_own_writes(sandbox),
        )
    evidence: dict[str, Value] = {
        **evidence_of(replicas, "reads", "stale", prefix="reader_endpoint_"),
        "stale_percent": round(replicas.stale_percent, 1),
        "slowest_link_ms": replicas.delay_ms,
        **evidence_of(primary, "reads", "stale", prefix="primary_endpoint_"),
    }
    if not replicas.stale:
        raise unmet(
            "Every read at a replica saw the write before it.",
            evidence,
            hint=_how_to_see_own_writes(sandbox),
        )
    if primary.stale:
        raise unmet(
            f"{primary.stale} reads at the primary endpoint did not see the write before them.",
            evidence,
            hint="Press “Compare reads of own writes” in the tab Load again.",
        )
    return met(
        f"At a replica {replicas.stale:,} of {replicas.reads:,} reads did not see the write before "
        f"them. At the primary all {primary.reads:,} reads saw it.",
        evidence,
    )


def _how_to_see_own_writes(sandbox: Sandbox) -> str:
    """What to do next so that the writer does not see its own writes at a replica."""
    if sandbox.settings["wait"] != "0":
        return "Set “Wait for replicas (WAIT)” to “0” in the tab Load."
    group = group_of(sandbox)
    quick = [
        name
        for name in group.endpoints.readers
        if group.mesh.total_delay_ms(group.primary, name) < DELAY_MS
    ]
    if quick:
        return (
            "Every replica must be behind. In the tab Break set “Each way” to 20 ms and press "
            f"“Slow a replica’s link” for {' and for '.join(quick)}."
        )
    return "Press “Compare reads of own writes” in the tab Load."


@check("A replica refuses to write, in its own words")
def read_only(sandbox: Sandbox) -> Verdict:
    refusal = require_seen(
        sandbox.ledger.newest(Refusal),
        "No write has been sent to a replica yet.",
        hint="In the tab Break press “Try to write there”.",
    )
    evidence, answer = evidence_of(refusal), refusal.answer
    if "READONLY" in answer and refusal.readonly_errors_after > refusal.readonly_errors_before:
        return met(
            f"{refusal.replica} refused the write: {answer.removeprefix('(error) ')}", evidence
        )
    raise unmet(
        f"{refusal.replica} accepted the write: {answer}",
        evidence,
        hint=f"Choose “{refusal.replica}” under “Console” and type “INFO replication”: "
        "slave_read_only must be 1. Then press “Try to write there” in the tab Break again.",
    )


@check("A replica is removed, and its readers are answered by the others")
def removed(sandbox: Sandbox) -> Verdict:
    for later, earlier in itertools.combinations(reversed(sandbox.ledger.seen(Window)), 2):
        gone = [
            name
            for name in earlier.replicas
            if name not in later.replicas and earlier.reads.get(name, 0)
        ]
        if not gone or later.total < LEAST_READS:
            continue
        before_per_s, after_per_s = earlier.total / earlier.seconds, later.total / later.seconds
        evidence: dict[str, Value] = {
            "removed": gone[0],
            "reads_per_s_before": round(before_per_s, 1),
            "reads_per_s_after": round(after_per_s, 1),
            "replicas_left": len(later.replicas),
        }
        if after_per_s >= 0.8 * before_per_s:
            return met(
                f"Without {gone[0]} the other {len(later.replicas)} replicas answer "
                f"{after_per_s:.0f} reads a second. Before it was {before_per_s:.0f}.",
                evidence,
            )
        raise unmet(
            f"Without {gone[0]} the other replicas answer {after_per_s:.0f} reads a second. Before "
            f"it was {before_per_s:.0f}.",
            evidence,
            hint="The readers of the removed replica need a moment to connect again. Press “Count "
            "who answers” in the tab Load once more.",
        )
    raise unmet(
        "The reads have not been counted before and after a replica was removed yet.",
        hint="In the tab Load, while the load runs: press “Count who answers”, “Remove a replica” "
        "and “Count who answers”. The removed replica must have answered reads before.",
    )
