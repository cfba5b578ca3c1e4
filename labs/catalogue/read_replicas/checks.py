"""What must be seen in the lab read-replicas, judged by what the servers themselves counted."""

from __future__ import annotations

import itertools

from labs.catalogue.read_replicas.watching import Lag, OwnReads, Refusal, Window
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.sandbox import Sandbox

LEAST_READS, SPREAD_PERCENT = 100, 10.0
DELAY_MS, LEAST_OWN = 10.0, 50


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
        "No reads have been counted yet.",
        hint="Let the clients read through the reader endpoint, with two replicas or more, "
        "and count who answers.",
    )
    window = next((one for one in windows if one.spread_percent <= SPREAD_PERCENT), windows[0])
    evidence: dict[str, Value] = {
        f"reads_of_{name}": window.reads.get(name, 0) for name in window.replicas
    }
    evidence["seconds"] = round(window.seconds, 2)
    evidence["furthest_from_equal_percent"] = round(window.spread_percent, 1)
    if window.spread_percent <= SPREAD_PERCENT:
        return met(
            f"{len(window.replicas)} replicas answered {window.total:,} reads; the one furthest "
            f"from an equal part was {window.spread_percent:.1f} % off.",
            evidence,
        )
    if not window.total:
        raise unmet(
            "Reads were answered, but by no replica.",
            evidence,
            hint="To whom does the reader endpoint lead?",
        )
    raise unmet(
        f"One replica is {window.spread_percent:.0f} % off an equal part of {window.total:,} "
        "reads.",
        evidence,
        hint="To whom does the reader endpoint lead, and when is that decided?",
    )


@check("It does so by connection: a new replica answers nothing until clients connect again")
def by_connection(sandbox: Sandbox) -> Verdict:
    def newest(*, reconnected: bool) -> Window | None:
        return sandbox.ledger.newest(
            Window, lambda w: w.added and w.total >= LEAST_READS and w.reconnected == reconnected
        )

    late = require_seen(
        newest(reconnected=False),
        "No replica has been added under load yet.",
        hint="Add a replica while clients read that keep their connections, and count who answers.",
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
            f"{new} answered {share:.0f} % at once.",
            evidence,
            hint="Did the clients keep their connections?",
        )
    after = require_seen(
        newest(reconnected=True),
        f"{new} answers nothing: every connection leads elsewhere.",
        evidence,
        hint="What would make a client find the new replica?",
    )
    share_after = after.share_percent(new)
    evidence["its_share_after_percent"] = round(share_after, 1)
    evidence["connections_kept_s"] = after.keep_s
    if share_after > 0:
        return met(
            f"{new} answered {share:.0f} % of the reads while clients kept their connections, "
            f"{share_after:.0f} % once they made new ones.",
            evidence,
        )
    raise unmet(
        f"{new} still answers nothing.",
        evidence,
        hint="To whom does the endpoint lead new connections?",
    )


@check("A replica lags behind by its link, in bytes and in milliseconds")
def lags(sandbox: Sandbox) -> Verdict:
    slow = sandbox.ledger.newest(Lag, lambda lag: lag.delay_ms >= DELAY_MS)
    whole = sandbox.ledger.newest(Lag, lambda lag: lag.delay_ms < DELAY_MS)
    if slow is None or whole is None:
        raise unmet(
            f"No write has been followed over a {'whole' if slow else 'slowed'} link yet.",
            hint="Slow the link to a replica, follow a write there, and compare with a link "
            "that is whole.",
        )
    evidence: dict[str, Value] = {
        "slowed_by_ms": slow.delay_ms,
        **evidence_of(slow, "took_ms", "bytes_behind", prefix="slow_"),
        **evidence_of(whole, "took_ms", "bytes_behind", prefix="whole_"),
    }
    if slow.took_ms >= slow.delay_ms > whole.took_ms:
        return met(
            f"A write was on {slow.replica} after {slow.took_ms:.1f} ms over the slowed link, and "
            f"after {whole.took_ms:.1f} ms over a whole one; {slow.bytes_behind:,} bytes were on "
            "their way.",
            evidence,
        )
    raise unmet(
        f"A write took {slow.took_ms:.1f} ms over a link that is slowed by {slow.delay_ms:g} ms.",
        evidence,
        hint="Is the link really slow?",
    )


@check("Right after a write, a replica may not have it; the primary does")
def own_writes(sandbox: Sandbox) -> Verdict:
    def newest(where: str) -> OwnReads | None:
        return sandbox.ledger.newest(OwnReads, lambda o: o.reads >= LEAST_OWN and o.where == where)

    replicas, primary = newest("reader"), newest("primary")
    if replicas is None or primary is None:
        raise unmet(
            "Own writes have not been read from both endpoints yet.",
            hint="Have the writing client read what it has just written: through the reader "
            "endpoint, and through the primary’s.",
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
            hint="How long does a write take to the replicas, and how long until the client reads?",
        )
    if primary.stale:
        raise unmet(
            f"{primary.stale} reads at the primary did not see the write before them.",
            evidence,
            hint="Where does the primary endpoint lead?",
        )
    return met(
        f"Of {replicas.reads:,} reads right after the write {replicas.stale:,} did not see it "
        f"at a replica, and none of {primary.reads:,} at the primary.",
        evidence,
    )


@check("A replica refuses to write, in its own words")
def read_only(sandbox: Sandbox) -> Verdict:
    refusal = require_seen(
        sandbox.ledger.newest(Refusal),
        "No write has been sent to a replica yet.",
        hint="What does a replica say to a write?",
    )
    evidence, answer = evidence_of(refusal), refusal.answer
    if "READONLY" in answer and refusal.readonly_errors_after > refusal.readonly_errors_before:
        return met(f"{refusal.replica} says: {answer.removeprefix('(error) ')}", evidence)
    raise unmet(
        f"{refusal.replica} took the write: {answer}",
        evidence,
        hint="What lies on a replica that its primary never had?",
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
                f"{gone[0]} was removed; the other {len(later.replicas)} answer "
                f"{after_per_s:.0f} reads a second, {before_per_s:.0f} before.",
                evidence,
            )
        raise unmet(
            f"After {gone[0]} was removed, {after_per_s:.0f} reads a second are answered; "
            f"{before_per_s:.0f} before.",
            evidence,
            hint="Do its readers find the others?",
        )
    raise unmet(
        "No replica that answered reads has been removed yet.",
        hint="Remove a replica that answers, and count again.",
    )
