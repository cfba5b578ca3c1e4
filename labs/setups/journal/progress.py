"""How far numbered writes have come: into the server's memory, into its file, and into the part of
the file that is synced.

The figures come from the server and its files, never from what the client did.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

from labs.engines import aof
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.events import CaptionChanged, Sense
from labs.sandbox.context import Context

KEY = "write:"


@dataclass(frozen=True, slots=True)
class WriteProgress:
    """How many writes are acknowledged, in the server's memory, in its file, and in the synced part
    of the file. `unsynced_bytes` are the rest of the file; `syncs` are counted since the disk was
    made.
    """

    acknowledged: int
    in_memory: int
    in_kernel: int
    on_disk: int
    unsynced_bytes: int
    syncs: int


class ProgressCounter:
    """Counts the numbered writes of one server. Any thread may call."""

    def __init__(self, context: Context, server: str) -> None:
        self._context = context
        self._server = server
        self._lock = threading.Lock()
        self._in_kernel = aof.Counted(f"\n{KEY}".encode())
        self._on_disk = aof.Counted(f"\n{KEY}".encode())
        self._in_snapshot = 0

    def clear(self) -> None:
        """Forget the snapshot, because the server starts without one."""
        self._in_snapshot = 0

    def count(self, acknowledged: int, *, dead: bool) -> WriteProgress:
        """The progress now, by the server's answer and by its files; by its files alone if it is
        `dead`.
        """
        server = self._context.servers[self._server]
        engine, disk = server.engine, server.disk
        if not isinstance(engine, Redis):
            return WriteProgress(acknowledged, acknowledged, 0, 0, 0, 0)
        in_memory = in_kernel = on_disk = unsynced = 0
        file = aof.newest(engine.data)
        if server.state == "up" and not dead:
            with contextlib.suppress(ServerDown):
                in_memory = engine.count()
                if file is None:
                    self._in_snapshot = _in_snapshot(engine, in_memory)
        if file is None:
            in_kernel = on_disk = self._in_snapshot
        else:
            length, synced = disk.lengths(file) if disk is not None else (_length(file), 0)
            unsynced = length - synced
            # The file may vanish at any moment, for another server begins without it.
            with self._lock, contextlib.suppress(FileNotFoundError):
                in_kernel = self._in_kernel.up_to(file, length)
                on_disk = self._on_disk.up_to(file, synced)
        syncs = disk.syncs if disk is not None else 0
        return WriteProgress(acknowledged, in_memory, in_kernel, on_disk, unsynced, syncs)


def sentence(
    function: str,
    number: int,
    meaning: Sense,
    before: WriteProgress,
    after: WriteProgress,
    *,
    waits: bool,
) -> CaptionChanged:
    """The sentence under the drawing when a stepped request is over. `waits` says that the server
    syncs before it answers.
    """
    if meaning == "error":
        return CaptionChanged(
            text="No answer came, so the client can’t say whether the write arrived. It does not "
            "count.",
            strong="No answer came",
        )
    if function == "read":
        return CaptionChanged(
            text=f"Number {number} is there."
            if meaning == "hit"
            else f"Number {number} is not there.",
            strong=f"Number {number}",
        )
    syncs = after.syncs - before.syncs
    if after.on_disk > before.on_disk and after.in_kernel == after.on_disk:
        how = (
            f"was acknowledged after {syncs} sync{'' if syncs == 1 else 's'}: it is on the disk"
            if waits
            else "was acknowledged, and the sync that comes once a second came just then: it is "
            "on the disk"
        )
        return CaptionChanged(
            text=f"Number {number} {how}. Neither a crash nor a loss of power takes it.",
            strong="it is on the disk",
        )
    if after.in_kernel > before.in_kernel:
        return CaptionChanged(
            text=f"Number {number} was acknowledged. The kernel has it, the disk does not yet: "
            "a crash of Redis can’t take it, a loss of power can.",
            strong="The kernel has it, the disk does not yet",
        )
    return CaptionChanged(
        text=f"Number {number} was acknowledged. It is in the server’s memory and nowhere else: "
        "any failure of the server takes it.",
        strong="in the server’s memory and nowhere else",
    )


def _in_snapshot(engine: Redis, in_memory: int) -> int:
    """How many writes the snapshot holds: each number is a key of its own and one change."""
    if not (engine.data / "dump.rdb").exists():
        return 0
    changes = engine.info("persistence")["rdb_changes_since_last_save"]
    return max(0, in_memory - int(changes))


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
