"""A client that writes numbers to one server of a sandbox, and what became of each:
acknowledged, in the server's memory, in the kernel, on the disk, lost.

What the server holds is asked of the server and read from its files; it is never derived from what
the client did.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

from labs.clients.address import straight
from labs.engines import aof
from labs.engines.redis import Redis, parse_info
from labs.errors import BadInput, ServerDown
from labs.events import CommandRan, LineReached, Said, Sense, StepFinished, StepStarted
from labs.load.batches import Batch
from labs.sandbox.context import Context
from labs.sandbox.part import SteppedPart, Workload
from labs.sandbox.stepper import Stepper
from labs.setups.journal.workload import Client, NumbersSpec, Tell, Written

KEY = "write:"
MOST_NUMBERS = 200_000
HEARD_WITHIN_S = 1.0
_NUMBERED = re.compile(rf"{KEY}([1-9][0-9]{{0,8}})")
"""Other keys of this beginning are a learner’s own: they count for nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the writes have come, each a count: answered for, in the server's memory, in its
    file, in what of the file is synced. `unsynced_bytes` are those of the file that are not;
    `syncs` since the disk was made.
    """

    acknowledged: int
    in_memory: int
    in_kernel: int
    on_disk: int
    unsynced_bytes: int
    syncs: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a fault took: of so many acknowledged writes, so many were found; `lost_s` is how long
    the client had been writing what was lost.
    """

    acknowledged: int
    found: int
    lost: int
    lost_s: float


class WriteJournal(SteppedPart, Workload):
    """Writes numbers to the server `server`, and keeps a journal of what was acknowledged.

    Numbers count from 1; one that was not answered is sent again.
    """

    caption = "Numbered writes run. A number counts when the server has answered for it."

    def __init__(self, context: Context, server: str) -> None:
        super().__init__(context)
        self._server = server
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._numbers, self._moments = array("Q"), array("d")
        self._written = 0
        self._refusals = 0
        self._in_kernel, self._on_disk = (
            aof.Counted(f"\n{KEY}".encode()),
            aof.Counted(f"\n{KEY}".encode()),
        )
        self._in_snapshot = 0
        self._syncs_before = 0
        self._client: Client | None = None
        self._quiet: Client | None = None
        self._request = 0
        self._took_ms = 0.0
        self.link = next(link.name for link in context.lab.topology.links_to(server))
        self.stepper = Stepper(on_line=self._line_reached)

    def acknowledge(self, number: int) -> None:
        """The client counts on this number from now on."""
        with self._lock:
            self._numbers.append(number)
            self._moments.append(time.monotonic())
            self._written += 1

    def on_batch(self, batch: Batch) -> None:
        """Add what the load reports to the journal."""
        if isinstance(batch, Written):
            with self._lock:
                self._numbers.extend(batch.numbers)
                self._moments.extend(batch.moments)
                self._written += len(batch.numbers)
                self._refusals += batch.errors

    @property
    def acknowledged(self) -> int:
        """How many acknowledged writes are not known to be lost."""
        return len(self._numbers)

    @property
    def written(self) -> int:
        """How many were acknowledged since the start, lost or not."""
        return self._written

    def interrupt(self) -> None:
        """Let a standing request run to its end, and give the connections back."""
        self.close()

    def restarted(self) -> None:
        """Begin with number 1: the server is empty."""
        self.close()
        with self._lock:
            self._numbers, self._moments = array("Q"), array("d")
            self._written = self._in_snapshot = 0

    def wait_for_reports(self) -> None:
        """Wait until all that was acknowledged before now is in the journal: the load has reported
        something later, a refusal.
        """
        before = self._refusals
        if self.context.load.running:
            self.context.wait_until(
                lambda: self._refusals > before or not self.context.load.running,
                deadline_s=HEARD_WITHIN_S,
            )

    def compare(self) -> Loss:
        """What the server holds now beside what was acknowledged.

        What is lost is struck off the journal. Raises ServerDown.
        """
        engine = self._redis()
        with self._lock:
            numbers, moments = list(self._numbers), list(self._moments)
        keys = engine.keys()
        found = {int(numbered[1]) for key in keys if (numbered := _NUMBERED.fullmatch(key))}
        lost = {number for number in numbers if number not in found}
        lost_s = 0.0
        if lost:
            kept = [at for number, at in zip(numbers, moments, strict=True) if number not in lost]
            gone = [at for number, at in zip(numbers, moments, strict=True) if number in lost]
            since = max((at for at in kept if at < max(gone)), default=min(moments))
            lost_s = max(gone) - since
        with self._lock:
            stay = [
                (number, at)
                for number, at in zip(self._numbers, self._moments, strict=True)
                if number not in lost
            ]
            self._numbers, self._moments = (
                array("Q", (number for number, _ in stay)),
                array("d", (at for _, at in stay)),
            )
        return Loss(len(numbers), len(numbers) - len(lost), len(lost), lost_s)

    def standing(self, *, dead: bool = False) -> Standing:
        """How far the writes have come, by the server's word and by its files; by its files alone
        if it is known to be `dead`.
        """
        server = self.context.servers[self._server]
        engine, disk = server.engine, server.disk
        if not isinstance(engine, Redis):
            return Standing(self.acknowledged, self.acknowledged, 0, 0, 0, 0)
        in_memory = in_kernel = on_disk = unsynced = 0
        file = aof.newest(engine.data)
        if server.state == "up" and not dead:
            with contextlib.suppress(ServerDown):
                in_memory = engine.count()
                if file is None:
                    self._in_snapshot = self._snapshot_of(engine, in_memory)
        if file is None:
            in_kernel = on_disk = self._in_snapshot
        else:
            length, synced = disk.lengths(file) if disk is not None else (_length(file), 0)
            unsynced = length - synced
            # It may be taken away at any moment, for another server begins without it.
            with self._counting, contextlib.suppress(FileNotFoundError):
                in_kernel, on_disk = (
                    self._in_kernel.up_to(file, length),
                    self._on_disk.up_to(file, synced),
                )
        return Standing(
            self.acknowledged,
            in_memory,
            in_kernel,
            on_disk,
            unsynced,
            disk.syncs if disk is not None else 0,
        )

    def readings(self, seconds: float) -> dict[str, float]:
        """The same as metrics, for the sampler."""
        now = self.standing()
        syncs, self._syncs_before = max(0, now.syncs - self._syncs_before), now.syncs
        return {
            "acknowledged": now.acknowledged,
            "in_memory": now.in_memory,
            "in_kernel": now.in_kernel,
            "on_disk": now.on_disk,
            "syncs_per_s": syncs / max(seconds, 0.001),
        }

    def clients(self) -> int:
        """One: its numbers have an order."""
        return 1

    def spec(self, client: int, clients: int, requests: int = 0) -> NumbersSpec:
        """The workload of the client, from the next number on."""
        context = self.context
        return NumbersSpec(
            rate_per_s=float(context.settings["rate_per_s"]),
            requests=requests,
            strategy=context.strategy(),
            server=context.network.route(self.link),
            password=context.password(self._server),
            first=self._next(),
            last=MOST_NUMBERS,
        )

    def about(self) -> str:
        """What the load does, as half a sentence."""
        rate = float(self.context.settings["rate_per_s"])
        return f"one client wants {rate:g} writes/s, each when the one before is answered"

    def step(self, function: str, number: int, _price: float | None) -> None:
        """Begin a write of the next number, or the search for one, that waits before each of its
        lines.
        """
        strategy = self.context.strategy()
        target = strategy.read if function == "read" else strategy.write
        if target is None:
            raise BadInput(f"There is nothing to {function} here.")
        self.stepper.start(target, lambda: self._stepped(function, number))

    def write(self) -> None:
        """Write the next number now, untold. Raises ServerDown."""
        strategy = self.context.strategy()
        assert strategy.write is not None
        if self._quiet is None:
            self._quiet = self._new_client(lambda _command, _reply, _ms: None)
        # It may have been another server that it was connected to.
        self._quiet.connect()
        strategy.write(self._quiet, self, self._next())

    def close(self) -> None:
        """Let a standing request run out, and give the connection back."""
        self.stepper.finish()
        for client in (self._client, self._quiet):
            if client is not None:
                client.close()
        self._client = self._quiet = None

    def _stepped(self, function: str, number: int) -> None:
        context, strategy = self.context, self.context.strategy()
        self._request = context.ledger.next_number()
        number = self._next() if function == "write" else number
        context.emit(
            StepStarted(
                request=self._request,
                strategy=strategy.name,
                function=function,
                call=f"{'write' if function == 'write' else 'find'}({number})",
            )
        )
        client = self._connected()
        client.connect()
        before, self._took_ms = self.standing(), 0.0
        error, answer = "", None
        try:
            if function == "write":
                assert strategy.write is not None
                answer = strategy.write(client, self, number)
            else:
                answer = strategy.read(client, number)
        except ServerDown as exc:
            error = str(exc)
        meaning: Sense = (
            "error"
            if error
            else "write"
            if function == "write"
            else "miss"
            if answer is None
            else "hit"
        )
        context.emit(
            StepFinished(
                request=self._request,
                meaning=meaning,
                answer=error or ("nothing" if answer is None else str(answer)[:100]),
                took_ms=self._took_ms,
            )
        )
        after = self.standing()
        if after.syncs > before.syncs:
            context.say(
                f"Redis synced its file meanwhile: {after.on_disk - before.on_disk} more on the "
                "disk",
                "hit",
            )
        engine = context.servers[self._server].engine
        context.emit(
            _sentence(
                function,
                number,
                meaning,
                before,
                after,
                waits=isinstance(engine, Redis)
                and engine.directives.get("appendfsync") == "always",
            )
        )
        context.sampler.wake()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._new_client(self._heard_command)
        return self._client

    def _new_client(self, tell: Tell) -> Client:
        context = self.context
        return Client(
            straight(context.address_for_app(self._server)),
            password=context.password(self._server),
            tell=tell,
        )

    def _heard_command(self, command: str, reply: str, took_ms: float) -> None:
        self._took_ms += took_ms
        meaning: Sense = (
            "error"
            if reply == "nobody answers"
            else "write"
            if command.startswith("SET")
            else "miss"
            if reply == "(nil)"
            else "hit"
        )
        self.context.emit(
            CommandRan(
                request=self._request,
                server=self._server,
                command=command,
                reply=reply,
                took_ms=took_ms,
                meaning=meaning,
                link=self.link,
            )
        )

    def _line_reached(self, line: int, last_line: int) -> None:
        self.context.emit(LineReached(request=self._request, line=line, last_line=last_line))

    def _next(self) -> int:
        with self._lock:
            return self._numbers[-1] + 1 if self._numbers else 1

    def _redis(self) -> Redis:
        server = self.context.servers[self._server]
        if server.state != "up" or not isinstance(server.engine, Redis):
            raise ServerDown("The server does not answer.", hint="Restart it first.")
        return server.engine

    def _snapshot_of(self, engine: Redis, in_memory: int) -> int:
        """Writes in the snapshot: each number is a key of its own and one change."""
        if not (engine.data / "dump.rdb").exists():
            return 0
        info = parse_info(engine.run("INFO", "persistence"))
        return max(0, in_memory - int(info["rdb_changes_since_last_save"]))


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sentence(
    function: str, number: int, meaning: Sense, before: Standing, after: Standing, *, waits: bool
) -> Said:
    """The sentence under the drawing when a stepped request is over."""
    if meaning == "error":
        return Said(
            text="Nobody answered: whether the write arrived, the client does not know. It does "
            "not count.",
            strong="Nobody answered",
        )
    if function == "read":
        return Said(
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
        return Said(
            text=f"Number {number} {how}. Neither a crash nor a loss of power takes it.",
            strong="it is on the disk",
        )
    if after.in_kernel > before.in_kernel:
        return Said(
            text=f"Number {number} was acknowledged. The kernel has it, the disk does not yet: "
            "a crash of Redis can’t take it, a loss of power can.",
            strong="The kernel has it, the disk does not yet",
        )
    return Said(
        text=f"Number {number} was acknowledged. It is in the server’s memory and nowhere else: "
        "whatever ends the server takes it.",
        strong="in the server’s memory and nowhere else",
    )
