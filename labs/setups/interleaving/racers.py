"""A worker of a race: a thread that runs a strategy's own text and stops before every call to a
server until it may take that step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import psycopg

from labs.caching.cache import Cache
from labs.engines.control import down
from labs.errors import NotNow
from labs.events import Sense
from labs.shop import queries
from labs.shop.shop import LeanShop, in_short

_Value = TypeVar("_Value")


class Abandoned(BaseException):
    """The schedule can't go on: the worker unwinds. No strategy may catch it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command that went to a server in one step, and its reply."""

    server: str
    command: str
    reply: str
    took_ms: float
    meaning: Sense


class Gate(Protocol):
    """What holds a step back until it may be taken."""

    def step(self, name: str, take: Callable[[], _Value]) -> _Value:
        """Take the step when it may be taken; returns what it gave."""

    def record(self, server: str, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        """Record a command and its reply."""


class TransactionShop(LeanShop):
    """One connection whose price change stays open until it is committed or rolled back."""

    def connect(self, item: int) -> int:
        """Connect if necessary; returns the process id of this connection in the server."""
        self.read(item)
        assert self._connection is not None
        return self._connection.info.backend_pid

    def begin_change(self, item: int, price: float) -> dict[str, object]:
        """Change a row without committing; returns the row."""
        self._execute("BEGIN")
        return super().change_price_returning(item, price)

    def commit(self) -> None:
        """Commit the change."""
        self._execute("COMMIT")

    def rollback(self) -> None:
        """Undo a change that is not committed; harmless if there is none."""
        if (
            self._connection is not None
            and self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        ):
            self._execute("ROLLBACK")

    def never_wait(self) -> None:
        """Raise NotNow soon, instead of waiting, where a row is locked elsewhere."""
        self._execute("SET lock_timeout = '300ms'")

    def put_back(self, item: int, price: float, version: int) -> None:
        """Restore the row."""
        self._execute(
            "UPDATE products SET price = %(price)s, version = %(version)s WHERE product_id = "
            "%(item)s",
            price=Decimal(f"{price:.2f}"),
            version=version,
            item=item,
        )

    def _execute(self, statement: str, **parameters: object) -> None:
        assert self._connection is not None
        try:
            self._connection.execute(
                statement.encode(), parameters or None, prepare=bool(parameters)
            )
        except psycopg.errors.LockNotAvailable as exc:
            raise lock_held_elsewhere() from exc
        except (psycopg.Error, OSError) as exc:
            self.close()
            raise down("database", exc) from exc


def lock_held_elsewhere() -> NotNow:
    """The error for a lock that no worker of this race holds."""
    return NotNow(
        "Somebody else holds a lock on this row.",
        hint="Is a transaction open in your console? End it.",
    )


class Racer:
    """One worker.

    The race calls `start`, then `go` once for each step. The worker puts its letter into `settled`
    whenever it stands before a step or is over.
    """

    def __init__(self, letter: str, role: str, settled: SimpleQueue[str]) -> None:
        self.letter = letter
        self.role = role
        self._settled = settled
        self._go: SimpleQueue[bool] = SimpleQueue()
        self._reset()

    def _reset(self) -> None:
        self.next_step = ""
        self.over = False
        self.problem = ""
        self.answer: object = None
        self.exchange: Exchange | None = None
        self._abandoned = False
        while not self._go.empty():
            self._go.get()

    def start(self, run: Callable[[], object], rollback: Callable[[], None]) -> threading.Thread:
        """Run up to the first step. `rollback` ends a transaction that it leaves open."""
        self._reset()
        thread = threading.Thread(
            target=self._run, args=(run, rollback), name=f"racer {self.letter}", daemon=True
        )
        thread.start()
        return thread

    def go(self) -> None:
        """Take the step that stands next."""
        self.exchange = None
        self._go.put(True)

    def abandon(self) -> None:
        """Unwind instead of taking the next step."""
        self._abandoned = True
        self._go.put(True)

    def record(self, server: str, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        """Keep the exchange of the step that is being taken."""
        self.exchange = Exchange(server, command, reply, took_ms, meaning)

    def step(self, name: str, take: Callable[[], _Value]) -> _Value:
        """Wait for `go`, then take the step. Raises Abandoned."""
        self.next_step = name
        self._settled.put(self.letter)
        self._go.get()
        if not self._abandoned:
            value = take()
        if self._abandoned:
            raise Abandoned
        return value

    def _run(self, run: Callable[[], object], rollback: Callable[[], None]) -> None:
        try:
            self.answer = run()
        except Abandoned:
            pass
        # a strategy's own mistake, or a server's silence: reported with the schedule
        except Exception as exc:  # noqa: BLE001
            self.problem = str(exc) or type(exc).__name__
        finally:
            try:
                rollback()
            # the race must learn that this thread is over
            except Exception as exc:  # noqa: BLE001
                self.problem = self.problem or str(exc)
            self.over, self.next_step = True, ""
            self._settled.put(self.letter)


class Rehearsal:
    """A gate without servers: records the names of the steps that a worker takes when the cache is
    empty, and takes none.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def step(self, name: str, take: Callable[[], Any]) -> Any:
        self.names.append(name)
        return {"read DB": {"version": 1}, "write DB": {"version": 1}}.get(name)

    def record(self, server: str, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        """There is no exchange."""


class GatedCache:
    """A cache whose every call is one named step. Without a cache behind it: for a rehearsal."""

    def __init__(self, gate: Gate, cache: Cache | None = None) -> None:
        self._gate = gate
        self._behind = cache

    def get(self, key: str) -> bytes | None:
        return self._gate.step(_named("read cache", key), lambda: self._cache.get(key))

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._gate.step(_named("write cache", key), lambda: self._cache.set(key, value, ttl_s))

    def delete(self, key: str) -> None:
        self._gate.step(_named("delete cache", key), lambda: self._cache.delete(key))

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        first = script.strip().split("\n")[0]
        return self._gate.step(
            first[2:].strip() if first.startswith("--") else "run script",
            lambda: self._cache.run(script, keys, *args),
        )

    @property
    def _cache(self) -> Cache:
        assert self._behind is not None
        return self._behind


class GatedShop:
    """A shop whose every statement is one named step; a price change is two: the write, and its
    commit. Without a shop behind it: for a rehearsal.
    """

    def __init__(self, gate: Gate, what: str, shop: TransactionShop | None = None) -> None:
        self.what = what
        self._gate = gate
        self._behind = shop

    def read(self, item: int) -> dict[str, object]:
        shown = queries.filled_in(queries.READS[self.what], {queries.KEYS[self.what]: item})
        return self._gate.step(
            "read DB", lambda: self._timed(shown, "read", lambda: self._shop.read(item))
        )

    def change_price(self, item: int, price: float) -> int:
        return int(str(self.change_price_returning(item, price)["version"]))

    def change_price_returning(self, item: int, price: float) -> dict[str, object]:
        shown = queries.filled_in(
            queries.CHANGE_PRICE_RETURNING_ROW, {"product_id": item, "price": f"{price:.2f}"}
        )
        answer = self._gate.step(
            "write DB",
            lambda: self._timed(
                f"BEGIN; {shown}", "write", lambda: self._shop.begin_change(item, price)
            ),
        )
        self._gate.step("commit", lambda: self._timed("COMMIT", "write", self._shop.commit))
        return answer

    @property
    def _shop(self) -> TransactionShop:
        assert self._behind is not None
        return self._behind

    def _timed(self, shown: str, meaning: Sense, ask: Callable[[], _Value]) -> _Value:
        began = time.perf_counter()
        try:
            value = ask()
        except Exception as exc:
            self._gate.record(
                "database", shown, str(exc), (time.perf_counter() - began) * 1000, "error"
            )
            raise
        reply = "COMMIT" if value is None else in_short(value)
        self._gate.record("database", shown, reply, (time.perf_counter() - began) * 1000, meaning)
        return value


def _named(name: str, key: str) -> str:
    """The name of a step, with what its key is for where that is not the answer itself."""
    suffix = key.split(":")[2:]
    return f"{name}: {suffix[0]}" if suffix else name
