"""Clients of the load that make up what they report. Nothing measured here may be shown as a
measurement.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from labs.fake.state import FakeState
from labs.load.batches import BATCH_S, Batch, Operation, flow
from labs.load.commits import Commits
from labs.load.program import WorkloadSpec
from labs.setups.changes.workload import ChangesSpec
from labs.setups.journal.workload import NumbersSpec
from labs.setups.replication.workload import ACKNOWLEDGED, READ, EndpointSpec
from labs.setups.shop.counters import CACHE, DATABASE
from labs.setups.shop.workload import ShopSpec
from labs.setups.website.workload import BrowserSpec

WritingSpec = ChangesSpec, NumbersSpec


class FakeForkServer:
    """Its clients are threads that send made-up batches: at the wanted rate, nine hits of ten,
    always equally fast.
    """

    def __init__(self, state: FakeState) -> None:
        self.commits = Commits()
        self._state = state
        self._numbers = 0

    def start(self, spec: WorkloadSpec) -> tuple[int, Connection]:
        """A client that has begun, and the pipe to it."""
        ours, theirs = Pipe()
        threading.Thread(
            target=self._work, args=(spec, theirs), name="fake load", daemon=True
        ).start()
        return 0, ours

    def close(self) -> None:
        """There is nothing to end: a client ends with its pipe."""

    def _work(self, spec: WorkloadSpec, pipe: Connection) -> None:
        current: object = spec
        with pipe:
            while isinstance(current, WorkloadSpec):
                try:
                    current = pipe.recv() if pipe.poll(BATCH_S) else current
                    if isinstance(current, WorkloadSpec):
                        pipe.send(self._batch(current))
                except (EOFError, OSError):
                    return

    def _batch(self, spec: WorkloadSpec) -> Batch:
        done = max(1, round(spec.rate_per_s / spec.clients * BATCH_S))
        misses = -(-done // 10)
        hits = done - misses
        if isinstance(spec, ShopSpec):
            self._state.hits += hits
            self._state.misses += misses
            self._state.queries += misses
            times = {"hit": [190] * hits, "miss": [5_230] * misses, "cache": [160] * done}
            times |= {"database": [4_870] * misses, "response": [190] * done}
            flows = {flow(CACHE, "hit"): hits, flow(CACHE, "miss"): misses}
            flows |= {flow(CACHE, "write"): misses, flow(DATABASE, "read"): misses}
            return _made_up(spec, done, times, flows)
        if isinstance(spec, EndpointSpec):
            flows = {flow(spec.link, "hit" if spec.reads else "write"): done}
            batch = _made_up(spec, done, {"read" if spec.reads else "write": [200] * done}, flows)
            batch.operations = self._operations(spec, done)
            return batch
        if isinstance(spec, BrowserSpec):
            times = {"logged_in": [2_100] * hits, "logged_out": [2_100] * misses}
            flows = {flow(spec.link, "hit"): hits, flow(spec.link, "miss"): misses}
            return _made_up(spec, done, times | {"response": [2_100] * done}, flows)
        flows = {flow(spec.link, "write"): done} if isinstance(spec, WritingSpec) else {}
        return _made_up(spec, done, {"write": [200] * done, "response": [200] * done}, flows)

    def _operations(self, spec: EndpointSpec, done: int) -> list[Operation]:
        now = time.monotonic()
        if not spec.reads:
            self._numbers += done
        first = self._numbers - done + 1
        rate = spec.rate_per_s / spec.clients
        ended_as = READ if spec.reads else ACKNOWLEDGED
        return [
            Operation(spec.reads, now - BATCH_S + index / rate, 0.0002, ended_as, first + index)
            for index in range(done)
        ]


def _made_up(
    spec: WorkloadSpec, done: int, times: Mapping[str, list[int]], flows: Mapping[str, int]
) -> Batch:
    batch = Batch(*spec.label, scheduled=done, done=done)
    for kind, several in times.items():
        batch.times[kind] = array("Q", several)
    batch.flows.update(flows)
    return batch
