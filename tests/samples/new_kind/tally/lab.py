"""A kind of lab that the project has never seen: an engine, a part and a workload of its own.

Tests copy this folder elsewhere and name it in CACHEGROUND_LABS; no file of the project knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labs.clients.address import Address, straight
from labs.clients.resp import RespClient
from labs.engines.base import Engine
from labs.engines.registry import Kind, registry
from labs.errors import ServerDown
from labs.lab import Chart, Choice, Lab, Link, Mutant, Node, Number, Topology, met, unmet
from labs.load.batches import Batch, flow
from labs.load.failures import words_of
from labs.load.program import ScheduledProgram, WorkloadSpec
from labs.network.links import Route
from labs.runtime.interpreter import interpreter
from labs.runtime.launch import Launch
from labs.sandbox.part import Workload

PROGRAM = (Path(__file__).parent / "server.py").read_text()
registry.add(
    Kind(
        "tally",
        "Tally",
        port=4242,
        glyph="slots",
        console="resp",
        engine=f"{__name__}:Tally",
    )
)


@dataclass(frozen=True)
class Tally(Engine):
    """One tally server."""

    name: str
    address: Address
    kind = "tally"

    @classmethod
    def build(cls, name, address, directory, password, options):
        return cls(name, address)

    def launch(self):
        return Launch(
            argv=(
                interpreter(),
                "-I",
                "-S",
                "-c",
                PROGRAM,
                self.address.host,
                str(self.address.port),
            ),
        )

    def ready(self, timeout_s):
        return self._ask("PING").decode().split()[1]

    def counters(self):
        return {"tally": float(self._ask("TALLY"))}

    def readings(self, before, after, seconds):
        return {"operations_per_s": (after["tally"] - before["tally"]) / seconds}

    def close(self):
        """It keeps no connection."""

    def _ask(self, *words):
        client = RespClient(straight(self.address))
        try:
            return client.command(*words)
        except OSError as exc:
            raise ServerDown("The tally does not answer.") from exc
        finally:
            client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSpec(WorkloadSpec):
    """Additions to one tally."""

    server: Route

    @property
    def label(self):
        return "tally", "add"

    def program(self, commits):
        return Adding(self)


class Adding(ScheduledProgram):
    """Adds one, again and again."""

    def __init__(self, spec):
        super().__init__(spec)
        self._client = RespClient(spec.server.open())
        self._batch = Batch("tally", "add")

    def once(self, now):
        self.schedule.take(now)
        try:
            self._client.command("INCR", "load")
        except OSError as exc:
            self._batch.errors += 1
            self._batch.error = words_of(exc)
            self._batch.flows[flow("tally", "error")] += 1
        else:
            self._batch.done += 1
            self._batch.flows[flow("tally", "write")] += 1

    def take_batch(self):
        batch, self._batch = self._batch, Batch("tally", "add")
        return self.counted(batch)

    def reconfigure(self, spec):
        self.set_rate(spec)

    def close(self):
        self._client.close()


class Till(Workload):
    """Counts what the clients of the load report."""

    factor = 1

    def __init__(self, context):
        super().__init__(context)
        self.added = 0

    def spec(self, client, clients, requests=0):
        return AddSpec(
            rate_per_s=float(self.context.settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            server=self.context.network.route("tally"),
        )

    def on_batch(self, batch):
        self.added += batch.done * self.factor

    def restarted(self):
        self.added = 0


class CarelessTill(Till):
    """Counts everything twice."""

    factor = 2


lab = Lab(
    id="tally",
    title="Tally",
    question="Does everything that was added count?",
    about="A server that counts, and clients that add.",
    minutes=1,
    topology=Topology(
        (Node("app", "Clients", "app"), Node("tally", "The tally", "tally")),
        (Link("tally", "app", "tally"),),
    ),
    parts=(Till,),
    controls=(
        Number("rate_per_s", "Additions wanted", 1, 1_000, 1, 200, gear="load"),
        Choice("clients", "Clients", (("1", "1"), ("2", "2")), "1", gear="load"),
    ),
    gears=("load", "break"),
    charts=(Chart("Additions", ("done_per_s",)),),
    tiles=("done_per_s",),
)


@lab.check("The server has counted all that its clients added")
def all_counted(sandbox):
    added = sandbox.part(Till).added
    if sandbox.load.running or not added:
        raise unmet("Nothing was added yet, or the load still runs.", hint="Run the load, stop it.")
    counted = int(sandbox.servers["tally"].engine.counters()["tally"])
    evidence = {"added": added, "counted": counted}
    if counted != added:
        raise unmet(f"{added} were added, {counted} counted.", evidence)
    return met(f"All {added} additions were counted.", evidence)


@lab.action("Add a hundred", gear="load")
def add_hundred(sandbox):
    """A hundred additions by the load's own clients."""
    sandbox.start_load(100)
    till = sandbox.part(Till)
    sandbox.wait_until(lambda: till.added >= 100 * till.factor, deadline_s=8.0)
    sandbox.stop_load()
    return f"{till.added} were added."


@lab.reference
def reference(sandbox):
    add_hundred(sandbox)
    sandbox.measurements["added"] = sandbox.part(Till).added


lab.mutants = (
    Mutant("counts-twice", "counts twice", all_counted, parts=(CarelessTill,)),
    Mutant(
        "restarts",
        "restarts the server, which forgets",
        all_counted,
        parts=(partial(Till),),
        mutate=lambda sandbox: setattr(sandbox.part(Till), "added", 1),
    ),
)
