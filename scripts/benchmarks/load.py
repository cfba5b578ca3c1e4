"""The client that the labs' load really uses compared with redis-benchmark: the same server, TCP
loopback, the same connections, rounds in turn. And what a link adds.
"""

from __future__ import annotations

import contextlib
import csv
import io
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labs.clients.address import Address
from labs.engines import binaries
from labs.engines.redis import Redis
from labs.network.links import Links, Route
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import CannotMeasure, Row, at_most, median, plain
from scripts.benchmarks.running import Helper, free_port, wait_until
from scripts.benchmarks.servers import answers, started

ABOUT = (
    "GET of 200 bytes over TCP loopback, one key that is there; redis-benchmark counts in "
    "steps of 8 µs"
)
LIMIT = 1.3
KEY, VALUE = "key:__rand_int__", "x" * 200
PASSWORD = "of-this-server-only"
DELAY_MS = 5.0


@dataclass(slots=True)
class Found:
    """Medians and 99th percentiles in microseconds, and calls a second, a value for each round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)

    def add(self, p50: float, p99: float, per_s: float) -> None:
        """One round."""
        self.p50.append(p50)
        self.p99.append(p99)
        self.per_s.append(per_s)


def measure(context: Context) -> Iterator[Row]:
    """One server; at one connection and at two, in turn; then through a link, in turn with the way
    around it.
    """
    rounds, calls = context.rounds(11, 3), context.rounds(20_000, 8_000)
    with (
        tempfile.TemporaryDirectory(dir=context.directory) as name,
        redis_server(Path(name)) as server,
        contextlib.closing(Links(Path(name))) as links,
    ):
        links.add_link("cache", Address("127.0.0.1", free_port()), server.address)
        around = links.route("cache")
        straight, through = (
            Route(around.target, around.target, "", 0),
            Route(around.listen_address, around.listen_address, "", 0),
        )
        with contextlib.ExitStack() as clients:
            one, other = (clients.enter_context(_client(around)) for _ in range(2))
            unlinked, linked = (
                clients.enter_context(_client(route)) for route in (straight, through)
            )
            found: defaultdict[str, Found] = defaultdict(Found)
            for round_ in range(1 + rounds):
                taken = {
                    "client 1": _by_clients([one], calls),
                    "benchmark 1": _by_benchmark(server, 1, calls),
                    "client 2": _by_clients([one, other], calls),
                    "benchmark 2": _by_benchmark(server, 2, calls),
                    "straight": _by_clients([unlinked], calls // 4),
                    "around": _by_clients([one], calls // 4),
                    "through": _by_clients([linked], calls // 4),
                }
                if round_:
                    for what, figures in taken.items():
                        found[what].add(*figures)
            links.slow("cache", delay_ms=DELAY_MS)
            slowed_us, _, _ = _by_clients([one], 200)
    yield from _rows(found)
    yield from _rows_of_link(found, slowed_us)


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[Redis]:
    """A lab's redis-server, configured as a lab configures it, with the key in it."""
    engine = Redis("cache", Address("127.0.0.1", free_port()), directory, PASSWORD)
    for file, text in engine.launch().files.items():
        file.write_text(text)
    child = started(engine)
    try:
        wait_until(lambda: answers(engine), 15.0, "A redis-server")
        engine.run("SET", KEY, VALUE)
        yield engine
    finally:
        engine.close()
        child.stop()


def _client(route: Route) -> Helper:
    client = Helper("getter")
    client.tell({**asdict(route), "user": "shop", "password": PASSWORD})
    client.answer(30.0)
    return client


def _by_clients(clients: list[Helper], calls: int) -> tuple[float, float, float]:
    for client in clients:
        client.tell({"key": KEY, "calls": calls})
    answers = [client.answer(120.0) for client in clients]
    times = sorted((int(us), int(number)) for answer in answers for us, number in answer["times"])
    return (
        at(times, 50),
        at(times, 99),
        sum(number for _, number in times) / max(answer["seconds"] for answer in answers),
    )


def at(times: list[tuple[int, int]], percent: float) -> float:
    """A percentile of sorted microseconds, each with how often it was seen."""
    left = sum(number for _, number in times) * percent / 100
    for us, number in times:
        left -= number
        if left <= 0:
            return us
    raise CannotMeasure("Nothing was timed")


def _by_benchmark(server: Redis, connections: int, calls: int) -> tuple[float, float, float]:
    host, port = server.address.host, server.address.port
    options = f"-h {host} -p {port} --user shop -a {PASSWORD} -t get --csv"
    ended = subprocess.run(
        [
            *(str(binaries.find("redis-benchmark")), *options.split()),
            *("-c", str(connections), "-n", str(calls * connections)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=binaries.server_environment(),
    )
    return benchmark_says(ended.stdout, ended.stderr)


def benchmark_says(out: str, problem: str = "") -> tuple[float, float, float]:
    """Median and 99th percentile in microseconds and calls a second, from the table that
    redis-benchmark prints with --csv.
    """
    lines = [line for line in out.splitlines() if line.startswith('"')]
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO("\n".join(lines))))
    for row in rows:
        if row.get("test") == "GET":
            return (
                float(row["p50_latency_ms"]) * 1e3,
                float(row["p99_latency_ms"]) * 1e3,
                float(row["rps"]),
            )
    raise CannotMeasure(f"redis-benchmark measured no GET: {(out + problem)[-300:]}")


def _rows(found: dict[str, Found]) -> Iterator[Row]:
    for connections in (1, 2):
        client, benchmark = found[f"client {connections}"], found[f"benchmark {connections}"]
        where = f"{connections} connection{'s' if connections > 1 else ''}"
        ours = f"the load’s client{'s' if connections > 1 else ''}"
        for name, one in ((ours, client), ("redis-benchmark", benchmark)):
            note = f"p99 {median(one.p99):.0f} µs, {median(one.per_s):,.0f} calls a second"
            yield plain(f"{where}, {name}, p50", median(one.p50), "µs", note)
        ratio = median(client.p50) / median(benchmark.p50)
        note = (
            f"throughput {median(client.per_s) / median(benchmark.per_s):.2f} times; "
            f"{len(client.p50)} rounds"
        )
        name = f"{where}, p50 to redis-benchmark"
        yield at_most(name, ratio, "times", LIMIT if connections == 1 else None, note)


def _rows_of_link(found: dict[str, Found], slowed_us: float) -> Iterator[Row]:
    ways = ("straight", "around", "through")
    straight, around, through = (median(found[way].p50) for way in ways)
    yield plain(
        "a whole link adds, gone around as the load does",
        _added(found, "around"),
        "µs",
        f"p50 {around:.0f} µs, without any link {straight:.0f} µs",
    )
    yield plain(
        "a whole link adds, gone through",
        _added(found, "through"),
        "µs",
        f"p50 {through:.0f} µs: what the load never pays, but a link with a fault costs it",
    )
    yield plain(
        f"a link slowed by {DELAY_MS:g} ms each way adds",
        (slowed_us - straight) / 1e3,
        "ms",
        f"{slowed_us - straight - 2e3 * DELAY_MS:,.0f} µs more than its delays",
    )


def _added(found: dict[str, Found], way: str) -> float:
    rounds = zip(found[way].p50, found["straight"].p50, strict=True)
    return median([linked - straight for linked, straight in rounds])
