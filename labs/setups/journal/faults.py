"""Faults of the server under numbered writes: a process crash, a loss of power, a restart.

When the server is back, what it holds is compared with what was acknowledged; each comparison is a
row of the table `faults`.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.engines.redis import Redis
from labs.errors import NotNow, ServerNotUp
from labs.events import CaptionChanged, Value
from labs.runtime.disk import Cut
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal.bench import MODES, SERVER, SYNCS_LATER
from labs.setups.journal.journal import WriteJournal
from labs.setups.journal.progress import WriteProgress

CRASH, POWER, RESTART = "process crash", "power cut", "clean restart"
UNSYNCED_WITHIN_S = 3.0
"""A fault under load waits at most this long for bytes that are not synced: with everysec a slow
sync is followed by a moment without any.
"""
YOU, EXPERIMENT = "you", "an experiment"
"""Who caused a fault.

Checks judge the learner’s own; an experiment of a prediction leaves its row next to it.
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A start of the server: how many writes had been acknowledged until then, and how many syncs
    had been counted.
    """

    written: int
    syncs: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What ended the server: how many writes its file held then, how many bytes of the file were
    not synced, and how many writes and syncs there were since its start.
    """

    kind: str
    in_kernel: int
    unsynced_bytes: int = 0
    written: int = 0
    syncs: int = 0


def journal(sandbox: Sandbox) -> WriteJournal:
    """The part that writes numbers."""
    return sandbox.part(WriteJournal)


def power_problem(sandbox: Sandbox) -> str:
    """Why this machine can't cut the power; empty if it can."""
    disk = sandbox.servers[SERVER].disk
    return "" if disk is None else disk.problem


def redis(sandbox: Sandbox) -> Redis:
    """The server's engine. NotNow if nothing real runs here, ServerNotUp if it is down."""
    server = sandbox.servers[SERVER]
    if not isinstance(server.engine, Redis):
        raise NotNow("Nothing real runs in this sandbox.")
    if server.state != "up":
        raise ServerNotUp("Redis is not up.", hint="Restart it first.")
    return server.engine


def crash(sandbox: Sandbox) -> None:
    """Kill the server with signal 9; under load, while some of its file is not synced."""
    redis(sandbox)
    _hold_with_unsynced_bytes(sandbox)
    sandbox.server(SERVER, "kill")


def cut_power(sandbox: Sandbox) -> list[Cut]:
    """Take the power from the server: its processes die, and what was not synced is gone; under
    load, while some of its file is not synced.

    NotNow where this machine can't do that.
    """
    if not power_problem(sandbox):
        _hold_with_unsynced_bytes(sandbox)
    server = sandbox.servers[SERVER]
    found: list[WriteProgress] = []
    done = server.cut_power(
        between_kill_and_cut=lambda: found.append(journal(sandbox).progress(dead=True))
    )
    _note_fault(sandbox, POWER, found[0].in_kernel, sum(cut.before - cut.after for cut in done))
    gone = "; ".join(
        f"{cut.path.rpartition('/')[2]} "
        f"{'is gone' if cut.gone else f'is cut from {cut.before:,} to {cut.after:,} bytes'}"
        for cut in done[:3]
    )
    sandbox.say(f"The power was cut: {gone or 'every file was synced to its last byte'}", "error")
    sandbox.caption(
        "The power was cut.",
        "What the kernel had not yet put on the disk is gone, with all that was in memory.",
    )
    return done


def _hold_with_unsynced_bytes(sandbox: Sandbox) -> None:
    """While the load appends to a file that is synced later: freeze the server, which is killed
    next, with unsynced bytes.
    """
    if sandbox.load.running and sandbox.settings["mode"] in SYNCS_LATER:
        sandbox.servers[SERVER].hold(
            lambda: journal(sandbox).progress(dead=True).unsynced_bytes > 0,
            deadline_s=UNSYNCED_WITHIN_S,
        )


def come_back(sandbox: Sandbox) -> dict[str, Value]:
    """Start the server again and compare; the row of the table."""
    sandbox.server(SERVER, "restart")
    return sandbox.found["faults"][0]


def server_changed(sandbox: Sandbox, server: str, verb: str) -> None:
    """Note the fault after a kill, and compare after a restart: by a button of the lab, in the
    drawing, or by an experiment.
    """
    if server != SERVER or not isinstance(sandbox.servers[SERVER].engine, Redis):
        return
    if verb == "kill":
        progress = journal(sandbox).progress()
        _note_fault(sandbox, CRASH, progress.in_kernel, progress.unsynced_bytes)
    elif verb == "restart":
        compare(sandbox)


def compare(sandbox: Sandbox) -> None:
    """After a start: compare what is there with what was acknowledged. Adds the row."""
    loss = journal(sandbox).compare(redis(sandbox))
    seen = [one for one in sandbox.ledger.observations if isinstance(one, Fault | Start)]
    fault = seen[-1] if seen and isinstance(seen[-1], Fault) else Fault(RESTART, loss.found)
    row: dict[str, Value] = {
        "mode": MODES[str(sandbox.settings["mode"])],
        "fault": fault.kind,
        "by": EXPERIMENT if journal(sandbox).experimenting else YOU,
        "acknowledged": loss.acknowledged,
        "found": loss.found,
        "lost": loss.lost,
        "lost_s": round(loss.lost_s, 3),
        "in_kernel": fault.in_kernel,
        "unsynced_kb": round(fault.unsynced_bytes / 1024, 1),
        "written": fault.written,
        "syncs": fault.syncs,
    }
    others = [
        old
        for old in sandbox.found.get("faults", [])
        if any(old[part] != row[part] for part in ("mode", "fault", "by"))
    ]
    sandbox.tabulate("faults", [row, *others])
    note_start(sandbox)
    sandbox.sampler.wake()
    text = (
        f"After the {fault.kind}: {loss.found:,} of {loss.acknowledged:,} acknowledged "
        f"writes are there, {loss.lost:,} are lost."
    )
    sandbox.say(text, "error" if loss.lost else "here")
    sandbox.emit(CaptionChanged(text=text, strong=f"{loss.lost:,} are lost."))


def note_start(sandbox: Sandbox) -> None:
    """The server has started: writes and syncs of the next fault count from here."""
    writer = journal(sandbox)
    sandbox.ledger.observe(Start(writer.written, writer.progress().syncs))


def _note_fault(sandbox: Sandbox, kind: str, in_kernel: int, unsynced_bytes: int) -> None:
    writer = journal(sandbox)
    writer.wait_for_reports()
    start = sandbox.ledger.newest(Start) or Start(0, 0)
    sandbox.ledger.observe(
        Fault(
            kind,
            in_kernel,
            unsynced_bytes,
            writer.written - start.written,
            writer.progress().syncs - start.syncs,
        )
    )
    sandbox.sampler.wake()
