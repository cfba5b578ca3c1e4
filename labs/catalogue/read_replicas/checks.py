"""What must be seen in the lab read-replicas.

Each check judges what was counted on the servers themselves.
"""

from __future__ import annotations

import itertools

from labs.catalogue.read_replicas.watching import Lag, OwnReads, Refusal, Window
from labs.events import Value
from labs.lab import Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox

LEAST_READS, SPREAD_PERCENT = 100, 10.0
DELAY_MS, LEAST_OWN = 10.0, 50


def _shares(window: Window) -> dict[str, Value]:
    reads: dict[str, Value] = {
        f"reads_of_{name}": window.reads.get(name, 0) for name in window.replicas
    }
    return reads | {
        "seconds": round(window.seconds, 2),
        "furthest_from_equal_percent": round(window.spread_percent, 1),
    }


@check("The reader endpoint spreads reads over the replicas, within 10 %")
def spread(sandbox: Sandbox) -> Verdict:
    """Every replica answers as many reads as the others, within a tenth."""
    windows = [
        window
        for window in reversed(sandbox.ledger.seen(Window))
        if sum(window.reads.values()) >= LEAST_READS
        and len(window.replicas) > 1
        and not window.added
    ]
    window = next(
        (window for window in windows if window.spread_percent <= SPREAD_PERCENT),
        windows[0] if windows else None,
    )
    if window is None:
        raise unmet(
            "Nobody’s reads have been counted yet.",
            hint="Let the clients read through the reader endpoint, with two replicas or more, "
            "and count who answers.",
        )
    if window.spread_percent <= SPREAD_PERCENT:
        return met(
            f"{len(window.replicas)} replicas answered {window.total:,} reads; the one furthest "
            f"from an equal part was {window.spread_percent:.1f} % off.",
            _shares(window),
        )
    if not window.total:
        raise unmet(
            "Reads were answered, but by no replica.",
            _shares(window),
            hint="To whom does the reader endpoint lead?",
        )
    raise unmet(
        f"One replica is {window.spread_percent:.0f} % off an equal part of {window.total:,} "
        "reads.",
        _shares(window),
        hint="To whom does the reader endpoint lead, and when is that decided?",
    )


@check("It does so by connection: a new replica answers nothing until clients connect again")
def by_connection(sandbox: Sandbox) -> Verdict:
    """A replica that is added answers nothing until clients connect again."""
    windows = sandbox.ledger.seen(Window)[::-1]
    late = next(
        (
            window
            for window in windows
            if window.added and window.total >= LEAST_READS and not window.reconnected
        ),
        None,
    )
    after = next(
        (
            window
            for window in windows
            if window.added and window.total >= LEAST_READS and window.reconnected
        ),
        None,
    )
    if late is None:
        raise unmet(
            "No replica has been added under load yet.",
            hint="Add a replica while clients read that keep their connections, and count who "
            "answers.",
        )
    new = late.added[0]
    evidence: dict[str, Value] = {
        "added": new,
        "its_share_at_first_percent": round(late.share_percent(new), 1),
        "reads_at_first": late.total,
    }
    if late.share_percent(new) > SPREAD_PERCENT / 2:
        raise unmet(
            f"{new} answered {late.share_percent(new):.0f} % at once.",
            evidence,
            hint="Did the clients keep their connections?",
        )
    if after is None:
        raise unmet(
            f"{new} answers nothing: everybody’s connection leads elsewhere.",
            evidence,
            hint="What would make a client find the new replica?",
        )
    evidence |= {
        "its_share_after_percent": round(after.share_percent(new), 1),
        "connections_kept_s": after.keep_s,
    }
    if after.share_percent(new) > 0:
        return met(
            f"{new} answered {late.share_percent(new):.0f} % of the reads while clients kept their "
            f"connections, {after.share_percent(new):.0f} % once they made new ones.",
            evidence,
        )
    raise unmet(
        f"{new} still answers nothing.",
        evidence,
        hint="To whom does the endpoint lead new connections?",
    )


@check("A replica lags behind by its link, in bytes and in milliseconds")
def lags(sandbox: Sandbox) -> Verdict:
    """A write takes as long to a replica as its link is slow, and is there sooner when the link is
    whole.
    """
    followed = sandbox.ledger.seen(Lag)[::-1]
    slow = next((lag for lag in followed if lag.delay_ms >= DELAY_MS), None)
    whole = next((lag for lag in followed if lag.delay_ms < DELAY_MS), None)
    if slow is None or whole is None:
        missing = "slowed" if slow is None else "whole"
        raise unmet(
            f"No write has been followed over a {missing} link yet.",
            hint="Slow the link to a replica, follow a write there, and compare with a link "
            "that is whole.",
        )
    evidence: dict[str, Value] = {
        "slowed_by_ms": slow.delay_ms,
        "slow_took_ms": slow.took_ms,
        "slow_bytes_behind": slow.bytes_behind,
        "whole_took_ms": whole.took_ms,
        "whole_bytes_behind": whole.bytes_behind,
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
    """A client that reads from replicas does not see what it has just written; one that reads from
    the primary does.
    """
    seen = [own for own in reversed(sandbox.ledger.seen(OwnReads)) if own.reads >= LEAST_OWN]
    replicas, primary = (
        next((own for own in seen if own.where == "reader"), None),
        next((own for own in seen if own.where == "primary"), None),
    )
    if replicas is None or primary is None:
        raise unmet(
            "Own writes have not been read from both endpoints yet.",
            hint="Have the writing client read what it has just written: through the reader "
            "endpoint, and through the primary’s.",
        )
    evidence: dict[str, Value] = {
        "reader_endpoint_reads": replicas.reads,
        "reader_endpoint_stale": replicas.stale,
        "stale_percent": round(replicas.stale_percent, 1),
        "slowest_link_ms": replicas.delay_ms,
        "primary_endpoint_reads": primary.reads,
        "primary_endpoint_stale": primary.stale,
    }
    if replicas.stale and not primary.stale:
        return met(
            f"Of {replicas.reads:,} reads right after the write {replicas.stale:,} did not see it "
            f"at a replica, and none of {primary.reads:,} at the primary.",
            evidence,
        )
    if not replicas.stale:
        raise unmet(
            "Every read at a replica saw the write before it.",
            evidence,
            hint="How long does a write take to the replicas, and how long until the client reads?",
        )
    raise unmet(
        f"{primary.stale} reads at the primary did not see the write before them.",
        evidence,
        hint="Where does the primary endpoint lead?",
    )


@check("A replica refuses to write, in its own words")
def read_only(sandbox: Sandbox) -> Verdict:
    """A replica refuses a write with its own error, and counts it."""
    newest = sandbox.ledger.newest(Refusal)
    if newest is None:
        raise unmet(
            "Nobody has tried to write to a replica yet.",
            hint="What does a replica say to a write?",
        )
    evidence: dict[str, Value] = {
        "replica": newest.replica,
        "answer": newest.answer,
        "readonly_errors_before": newest.before,
        "readonly_errors_after": newest.after,
    }
    if "READONLY" in newest.answer and newest.after > newest.before:
        return met(f"{newest.replica} says: {newest.answer.removeprefix('(error) ')}", evidence)
    raise unmet(
        f"{newest.replica} took the write: {newest.answer}",
        evidence,
        hint="What lies on a replica that its primary never had?",
    )


@check("A replica is removed, and its readers are answered by the others")
def removed(sandbox: Sandbox) -> Verdict:
    """A replica is removed under load, and its readers are answered by the others."""
    windows = sandbox.ledger.seen(Window)[::-1]
    for later, earlier in itertools.pairwise(windows):
        gone = [
            name
            for name in earlier.replicas
            if name not in later.replicas and earlier.reads.get(name, 0)
        ]
        if gone and later.total >= LEAST_READS:
            per_s = (earlier.total / earlier.seconds, later.total / later.seconds)
            evidence: dict[str, Value] = {
                "removed": gone[0],
                "reads_per_s_before": round(per_s[0], 1),
                "reads_per_s_after": round(per_s[1], 1),
                "replicas_left": len(later.replicas),
            }
            if per_s[1] >= 0.8 * per_s[0]:
                return met(
                    f"{gone[0]} was removed; the other {len(later.replicas)} answer "
                    f"{per_s[1]:.0f} reads a second, {per_s[0]:.0f} before.",
                    evidence,
                )
            raise unmet(
                f"After {gone[0]} was removed, {per_s[1]:.0f} reads a second are answered; "
                f"{per_s[0]:.0f} before.",
                evidence,
                hint="Do its readers find the others?",
            )
    raise unmet(
        "No replica that answered reads has been removed yet.",
        hint="Remove a replica that answers, and count again.",
    )
