"""The part that is a client of one server: it writes numbers, keeps a journal of what was
acknowledged, and compares it with what the server holds.
"""

from __future__ import annotations

import re
import threading
import time
from array import array
from dataclasses import dataclass

from labs.clients.address import straight
from labs.engines.redis import Redis
from labs.errors import BadInput, ServerDown
from labs.events import CommandRan, LineReached, Sense, StepFinished, StepStarted
from labs.load.batches import Batch
from labs.sandbox.context import Context
from labs.sandbox.part import SteppedPart, Workload
from labs.sandbox.stepper import Stepper
from labs.setups.journal import metrics  # noqa: F401 - makes them known
from labs.setups.journal.progress import KEY, ProgressCounter, WriteProgress, sentence
from labs.setups.journal.workload import NO_ANSWER, Client, NumbersSpec, OnCommand, Written

MOST_NUMBERS = 200_000
REPORTED_WITHIN_S = 1.0
_NUMBERED = re.compile(rf"{KEY}([1-9][0-9]{{0,8}})")
"""Other keys of this beginning are a learner’s own: they count for nothing."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a fault took: how many writes were acknowledged, and how many of them were found and
    lost. `lost_s` is how long the client had been writing what was lost.
    """

    acknowledged: int
    found: int
    lost: int
    lost_s: float


class WriteJournal(SteppedPart, Workload):
    """Writes numbers to the server `server`, and keeps a journal of what was acknowledged.

    Numbers count from 1; one that was not answered is sent again. `experimenting` is true while the
    experiment of a prediction runs, whose faults are not the learner's own.
    """

    caption = "Numbered writes run. A number counts when the server has answered for it."

    def __init__(self, context: Context, server: str) -> None:
        super().__init__(context)
        self.server = server
        self.experimenting = False
        self._lock = threading.Lock()
        self._numbers, self._moments = array("Q"), array("d")
        self.written = 0
        """How many were acknowledged since the start, lost or not."""
        self._refusals = 0
        self._progress = ProgressCounter(context, server)
        self._syncs_before = 0
        self._client: Client | None = None
        self._quiet: Client | None = None
        self._request = 0
        self._took_ms = 0.0
        self.link = next(link.name for link in context.lab.topology.links_to(server))
        self.stepper = Stepper(on_line=self._line_reached)

    def acknowledge(self, number: int) -> None:
        """Note that the server has acknowledged this number."""
        with self._lock:
            self._numbers.append(number)
            self._moments.append(time.monotonic())
            self.written += 1

    def on_batch(self, batch: Batch) -> None:
        """Add what the load reports to the journal."""
        if isinstance(batch, Written):
            with self._lock:
                self._numbers.extend(batch.numbers)
                self._moments.extend(batch.moments)
                self.written += len(batch.numbers)
                self._refusals += batch.errors

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged and not found to be lost."""
        return len(self._numbers)

    def interrupt(self) -> None:
        """Finish a stepped request that is waiting, and close the connections."""
        self.close()

    def restarted(self) -> None:
        """Begin with number 1 again, because the server is empty."""
        self.close()
        with self._lock:
            self._numbers, self._moments = array("Q"), array("d")
            self.written = 0
        self._progress.clear()

    def wait_for_reports(self) -> None:
        """Wait until everything that was acknowledged before now is in the journal. The load
        reports in order, so a refusal, which comes later, shows it.
        """
        before = self._refusals
        if self.context.load.running:
            self.context.wait_until(
                lambda: self._refusals > before or not self.context.load.running,
                deadline_s=REPORTED_WITHIN_S,
            )

    def compare(self, engine: Redis) -> Loss:
        """Compare what the server holds now with what was acknowledged.

        What is lost is removed from the journal. Raises ServerDown.
        """
        with self._lock:
            noted = list(zip(self._numbers, self._moments, strict=True))
        keys = engine.keys()
        found = {int(numbered[1]) for key in keys if (numbered := _NUMBERED.fullmatch(key))}
        lost = {number for number, _ in noted} - found
        lost_s = 0.0
        if lost:
            last = max(at for number, at in noted if number in lost)
            kept = (at for number, at in noted if number in found and at < last)
            lost_s = last - max(kept, default=min(at for _, at in noted))
        with self._lock:
            now = zip(self._numbers, self._moments, strict=True)
            stay = [(number, at) for number, at in now if number not in lost]
            self._numbers = array("Q", (number for number, _ in stay))
            self._moments = array("d", (at for _, at in stay))
        return Loss(len(noted), len(noted) - len(lost), len(lost), lost_s)

    def progress(self, *, dead: bool = False) -> WriteProgress:
        """How far the writes have come, by the server's answer and by its files; by its files alone
        if it is `dead`.
        """
        return self._progress.count(self.acknowledged, dead=dead)

    def readings(self, seconds: float) -> dict[str, float]:
        """The progress, and how often the server syncs."""
        now = self.progress()
        syncs, self._syncs_before = max(0, now.syncs - self._syncs_before), now.syncs
        return {
            "acknowledged": now.acknowledged,
            "in_memory": now.in_memory,
            "in_kernel": now.in_kernel,
            "on_disk": now.on_disk,
            "syncs_per_s": syncs / max(seconds, 0.001),
        }

    def clients(self) -> int:
        """One client, so that the numbers have an order."""
        return 1

    def spec(self, client: int, clients: int, requests: int = 0) -> NumbersSpec:
        """The workload of the client, from the next number on."""
        context = self.context
        return NumbersSpec(
            rate_per_s=float(context.settings["rate_per_s"]),
            requests=requests,
            strategy=context.strategy(),
            link=self.link,
            server=context.network.route(self.link),
            access=context.servers[self.server].engine.access("shop"),
            first=self._next(),
            last=MOST_NUMBERS,
        )

    def about(self) -> str:
        """What the load does, as half a sentence."""
        rate = float(self.context.settings["rate_per_s"])
        return f"one client wants {rate:,g} writes/s, each when the one before is answered"

    def step(self, function: str, number: int, _price: float | None) -> None:
        """Begin to write the next number, or to look one up; the request waits before each of its
        lines.
        """
        strategy = self.context.strategy()
        target = strategy.read if function == "read" else strategy.write
        if target is None:
            raise BadInput(f"There is nothing to {function} here.")
        self.stepper.start(target, lambda: self._stepped(function, number))

    def write(self) -> None:
        """Write the next number now, without an event. Raises ServerDown."""
        strategy = self.context.strategy()
        assert strategy.write is not None
        if self._quiet is None:
            self._quiet = self._new_client(lambda _command, _reply, _ms: None)
        # The server that it was connected to may have been replaced.
        self._quiet.connect()
        strategy.write(self._quiet, self, self._next())

    def close(self) -> None:
        """Finish a stepped request that is waiting, and close the connections."""
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
        if self._client is None:
            self._client = self._new_client(self._on_command)
        client = self._client
        client.connect()
        before, self._took_ms = self.progress(), 0.0
        error, answer = "", None
        try:
            if function == "write":
                assert strategy.write is not None
                answer = strategy.write(client, self, number)
            else:
                answer = strategy.read(client, number)
        except ServerDown as exc:
            error = str(exc)
        meaning: Sense = "miss" if answer is None else "hit"
        if error:
            meaning = "error"
        elif function == "write":
            meaning = "write"
        context.emit(
            StepFinished(
                request=self._request,
                meaning=meaning,
                answer=error or ("nothing" if answer is None else str(answer)[:100]),
                took_ms=self._took_ms,
            )
        )
        after = self.progress()
        if after.syncs > before.syncs:
            more = after.on_disk - before.on_disk
            context.say(f"Redis synced its file meanwhile: {more} more on the disk", "hit")
        engine = context.servers[self.server].engine
        waits = isinstance(engine, Redis) and engine.directives.get("appendfsync") == "always"
        context.emit(sentence(function, number, meaning, before, after, waits=waits))
        context.sampler.wake()

    def _new_client(self, on_command: OnCommand) -> Client:
        context = self.context
        return Client(
            straight(context.address_for_app(self.server)),
            context.servers[self.server].engine.access("shop"),
            on_command=on_command,
        )

    def _on_command(self, command: str, reply: str, took_ms: float) -> None:
        self._took_ms += took_ms
        meaning: Sense = "miss" if reply == "(nil)" else "hit"
        if reply == NO_ANSWER:
            meaning = "error"
        elif command.startswith("SET"):
            meaning = "write"
        self.context.emit(
            CommandRan(
                request=self._request,
                server=self.server,
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
