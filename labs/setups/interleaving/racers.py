"""A worker of a race: a thread that runs a strategy's own text and stops before every call to a
server until it may take that step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar, cast

import psycopg

from labs.caching.cache import Cache
from labs.clients.access import Access
from labs.clients.address import straight
from labs.engines.control import down
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.events import Sense
from labs.sandbox.clients import RedisCache
from labs.setups.interleaving.played import Role, Step
from labs.shop import queries
from labs.shop.shop import LeanShop, OnCommand, in_short

_Value = TypeVar("_Value")


class Abandoned(BaseException):
    """The schedule can't go on: the worker unwinds. No strategy may catch it."""


class Gate(Protocol):
    """What holds a step back until it may be taken."""

    def step(self, name: str, take: Callable[[], _Value]) -> _Value:
        """Take the step when it may be taken; returns what it gave."""


class TransactionShop(LeanShop):
    """One connection. A price change stays open until it is committed or rolled back."""

    def __init__(
        self, postgres: Postgres, what: str, on_command: OnCommand = lambda *_: None
    ) -> None:
        super().__init__(straight(postgres.address), password=postgres.password, what=what)
        self._on_command = on_command

    def connect(self, item: int) -> int:
        """Connect if necessary; returns the process id of this connection in the server."""
        self.read(item)
        assert self._connection is not None
        return self._connection.info.backend_pid

    def commit(self) -> None:
        """Commit the change."""
        self._timed("COMMIT", "write", lambda: self._execute("COMMIT"))

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

    def _ask(self, statement: str, item: int, price: float | None = None) -> dict[str, object]:
        shown = queries.filled_in(statement, self._parameters(item, price))
        ask = partial(super()._ask, statement, item, price)
        if price is None:
            return self._timed(shown, "read", ask)

        def change() -> dict[str, object]:
            self._execute("BEGIN")
            return ask()

        return self._timed(f"BEGIN; {shown}", "write", change)

    def _timed(self, shown: str, meaning: Sense, run: Callable[[], _Value]) -> _Value:
        began = time.perf_counter()
        try:
            value = run()
        except Exception as exc:
            self._on_command(shown, str(exc), (time.perf_counter() - began) * 1000, "error")
            raise
        took_ms = (time.perf_counter() - began) * 1000
        self._on_command(shown, "COMMIT" if value is None else in_short(value), took_ms, meaning)
        return value

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
        "Another session has locked this row.",
        hint="Choose “database” under “Console” and type “ROLLBACK”: it ends your open "
        "transaction.",
    )


class Racer:
    """One worker with its own connections; `pid` is its process in Postgres.

    The race calls `start`, then `go` once for each step. The worker puts its letter into `settled`
    whenever it stands before a step or is over.
    """

    def __init__(
        self,
        letter: str,
        role: Role,
        settled: SimpleQueue[str],
        redis: Redis,
        postgres: Postgres,
        *,
        item: int,
        what: str,
    ) -> None:
        self.letter = letter
        self.role = role
        self._settled = settled
        self._go: SimpleQueue[bool] = SimpleQueue()
        self._reset()
        on_command = partial(self._record, "cache")
        self._redis = RedisCache(
            redis.address,
            Access("shop", redis.password),
            on_command=on_command,
            on_lookup=on_command,
        )
        self._postgres = TransactionShop(postgres, what, partial(self._record, "database"))
        self.cache = GatedCache(self, self._redis)
        self.shop = GatedShop(self, what, self._postgres)
        self._redis.connect()
        self.pid = self._postgres.connect(item)

    def _reset(self) -> None:
        self.next_step = ""
        self.over = False
        self.problem = ""
        self.answer: object = None
        self.taken: Step | None = None
        self._abandoned = False
        while not self._go.empty():
            self._go.get()

    def start(self, run: Callable[[], object]) -> threading.Thread:
        """Run up to the first step. A transaction that `run` leaves open is rolled back."""
        self._reset()
        name = f"racer {self.letter}"
        thread = threading.Thread(target=self._run, args=(run,), name=name, daemon=True)
        thread.start()
        return thread

    def go(self) -> None:
        """Take the step that stands next; `taken` is that step if it asked a server."""
        self.taken = None
        self._go.put(True)

    def abandon(self) -> None:
        """Unwind instead of taking the next step; harmless if the worker is over."""
        self._abandoned = True
        self._go.put(True)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
        self._postgres.close()

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

    def _record(
        self, server: str, command: str, reply: str, took_ms: float, meaning: Sense
    ) -> None:
        step, took_ms = (self.letter, self.role, self.next_step), round(took_ms, 3)
        self.taken = Step(*step, server, command, reply, took_ms, meaning)

    def _run(self, run: Callable[[], object]) -> None:
        try:
            self.answer = run()
        except Abandoned:
            pass
        # a strategy's own mistake, or a server's silence: reported with the schedule
        except Exception as exc:  # noqa: BLE001
            self.problem = str(exc) or type(exc).__name__
        finally:
            try:
                self._postgres.rollback()
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


class GatedCache:
    """A cache whose every call is one named step. A rehearsal takes no step and needs no cache."""

    def __init__(self, gate: Gate, cache: Cache | None = None) -> None:
        self._gate = gate
        self._cache = cast(Cache, cache)

    def get(self, key: str) -> bytes | None:
        return self._gate.step(_named("read cache", key), lambda: self._cache.get(key))

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._gate.step(_named("write cache", key), lambda: self._cache.set(key, value, ttl_s))

    def delete(self, key: str) -> None:
        self._gate.step(_named("delete cache", key), lambda: self._cache.delete(key))

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        first = script.strip().split("\n")[0]
        name = first[2:].strip() if first.startswith("--") else "run script"
        return self._gate.step(name, lambda: self._cache.run(script, keys, *args))


class GatedShop:
    """A shop whose every statement is one named step; a price change is two: the write, and its
    commit. A rehearsal takes no step and needs no shop.
    """

    def __init__(self, gate: Gate, what: str, shop: TransactionShop | None = None) -> None:
        self.what = what
        self._gate = gate
        self._shop = cast(TransactionShop, shop)

    def read(self, item: int) -> dict[str, object]:
        return self._gate.step("read DB", lambda: self._shop.read(item))

    def change_price(self, item: int, price: float) -> int:
        return int(str(self.change_price_returning(item, price)["version"]))

    def change_price_returning(self, item: int, price: float) -> dict[str, object]:
        answer = self._gate.step("write DB", lambda: self._shop.change_price_returning(item, price))
        self._gate.step("commit", lambda: self._shop.commit())
        return answer


def _named(name: str, key: str) -> str:
    """The name of a step, with what its key is for where that is not the answer itself."""
    suffix = key.split(":")[2:]
    return f"{name}: {suffix[0]}" if suffix else name
