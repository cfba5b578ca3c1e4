"""The shop's application: one request at a time through the strategy on the page, with the servers'
counters before and after.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from labs.caching.cache import CacheDown
from labs.clients.access import Access
from labs.errors import BadInput, NotNow, ServerDown, ServerNotUp
from labs.events import CommandRan, LineReached, Sense, StepFinished, StepStarted
from labs.sandbox.clients import ClosableCache, ClosableShop, MemcachedCache, RedisCache
from labs.sandbox.context import Context
from labs.sandbox.ledger import Request, Trip
from labs.sandbox.part import SteppedPart
from labs.sandbox.stepper import Stepper
from labs.setups.shop import captions
from labs.setups.shop.counters import (
    CACHE,
    DATABASE,
    cache_engine,
    cache_if_up,
    committed_version,
    read_counters,
)
from labs.shop.shop import SqlAlchemyShop


@dataclass(frozen=True, slots=True)
class Visit:
    """What a customer's browser got: the answer, what it meant, and how long the servers took, the
    cache's part of it apart. `problem` says why there is no answer.
    """

    answer: Mapping[str, object]
    meaning: Sense
    took_ms: float
    cache_ms: float = 0.0
    problem: str = ""


def app(context: Context) -> Application:
    """The application of a sandbox."""
    return context.part(Application)


class Application(SteppedPart):
    """Runs single reads and writes.

    Only one request is under way at a time, so that the counters' increase belongs to it.
    """

    takes_price = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lock = threading.Lock()
        self._trips: list[Trip] = []
        self._number = 0
        self._quiet = False
        self._answer: object = None
        self._committed: int | None = None
        self._cache: ClosableCache | None = None
        self._cache_kind = ""
        self._shop: ClosableShop | None = None
        self.stepper = Stepper(on_line=self._line_reached)

    def read(self, item: int, *, quiet: bool = False) -> Request:
        """One read, recorded in the ledger. A `quiet` one emits no events."""
        return self._alone("read", item, None, quiet)

    def visit(self, item: int) -> Visit:
        """One read, with what it answered."""
        with self._alone_for_a_while():
            request = self._request("read", item, None, quiet=False)
            answer = self._answer if isinstance(self._answer, dict) else {}
        return Visit(
            answer,
            request.meaning,
            request.took_ms,
            request.ms_at(CACHE),
            "" if request.answered else "The shop does not answer.",
        )

    def look_up(self, item: int) -> Visit:
        """What the database has of an item now. It is no request of the application: no cache is
        asked, and nothing of it is recorded.
        """
        with self._alone_for_a_while():
            self._trips, self._quiet = [], True
            shop, _ = self._clients(str(self.context.settings.get("read", "row")))
            try:
                answer = shop.read(item)
            except ServerDown as exc:
                return Visit({}, "error", sum(t.took_ms for t in self._trips), problem=str(exc))
            return Visit(answer, "read", sum(trip.took_ms for trip in self._trips))

    def write(self, item: int, price: float, *, quiet: bool = False) -> Request:
        """One price change through the strategy's write side."""
        return self._alone("write", item, price, quiet)

    def flush(self) -> None:
        """Empty the cache. ServerNotUp if it is not up."""
        try:
            cache = cache_if_up(self.context)
        except ServerDown:
            raise ServerNotUp("The cache is not up.", hint="Restart it first.") from None
        cache.flush()
        self.context.ledger.emptied_at.append(time.monotonic())

    def server_changed(self, server: str, verb: str) -> None:
        """Note when the cache lost its memory; connect again to a server that was exchanged."""
        if verb == "exchange":
            self.disconnect()
        if server == CACHE and verb in ("kill", "restart", "exchange"):
            self.context.ledger.emptied_at.append(time.monotonic())

    def step(self, function: str, item: int, price: float | None) -> None:
        """Begin a request that waits before each of its statements."""
        strategy = self.context.strategy()
        target = strategy.read if function == "read" else strategy.write
        if target is None:
            raise BadInput(f"The strategy {strategy.label} has no {function} side.")
        if not self._lock.acquire(blocking=False):
            raise NotNow(
                "A request in slow motion is not finished.",
                hint="Press “Run to the end” in the tab Step first.",
            )
        try:
            self.stepper.start(target, lambda: self._stepped(function, item, price))
        except BaseException:
            self._lock.release()
            raise

    def interrupt(self) -> None:
        """Let a standing request run to its end, and give the connections back."""
        self.stepper.finish()
        self.disconnect()

    def close(self) -> None:
        """Let a standing request run to its end, and give the connections back."""
        self.interrupt()

    def disconnect(self) -> None:
        """Give the connections back; the next request opens others."""
        if self._cache is not None:
            self._cache.close()
            self._cache = None
        if self._shop is not None:
            self._shop.close()
            self._shop = None

    def _alone(self, function: str, item: int, price: float | None, quiet: bool) -> Request:
        with self._alone_for_a_while():
            return self._request(function, item, price, quiet)

    @contextmanager
    def _alone_for_a_while(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=5.0):
            raise NotNow(
                "A request in slow motion is not finished.",
                hint="Press “Run to the end” in the tab Step first.",
            )
        try:
            yield
        finally:
            self._lock.release()

    def _stepped(self, function: str, item: int, price: float | None) -> None:
        try:
            self._request(function, item, price, quiet=False)
        finally:
            self._lock.release()

    def _request(self, function: str, item: int, price: float | None, quiet: bool) -> Request:
        context, strategy = self.context, self.context.strategy()
        self._number = context.ledger.next_number()
        self._trips, self._quiet = [], quiet
        what, ttl_s = str(context.settings.get("read", "row")), strategy.ttl_s(context.settings)
        if not quiet:
            given = str(item) if price is None else f"{item}, price={price:.2f}"
            context.emit(
                StepStarted(
                    request=self._number,
                    strategy=strategy.name,
                    function=function,
                    call=f"{function}({given})",
                )
            )
        shop, cache = self._clients(what)
        alone = not context.load.running
        committed = self._committed = committed_version(context, what, item)
        before = read_counters(context)
        began, error = time.monotonic(), ""
        answer: object = None
        try:
            if function == "read":
                answer = strategy.read(shop, cache, item, ttl_s)
            else:
                assert strategy.write is not None and price is not None
                answer = strategy.write(shop, cache, item, price, ttl_s)
        except (ServerDown, CacheDown) as exc:
            error = str(exc)
        ended = time.monotonic()
        made = self._answer = answer
        if function == "read":
            made = answer.get("version") if isinstance(answer, dict) else None
            context.commits.ask(item)
        version = made if isinstance(made, int) else None
        if function == "write" and version is not None:
            context.commits.note(item, version, ended)
        after = read_counters(context)
        request = Request(
            number=self._number,
            function=function,
            strategy=strategy.name,
            engine=cache_engine(context),
            item=item,
            what=what,
            meaning=self._meaning(function, version, committed, error),
            began=began,
            ended=ended,
            took_ms=sum(trip.took_ms for trip in self._trips),
            hits=after.hits - before.hits,
            misses=after.misses - before.misses,
            queries=after.queries - before.queries,
            alone=alone,
            version=version,
            committed=committed,
            ttl_s=ttl_s,
            cache_down=any(c.server == "cache" and c.meaning == "error" for c in self._trips),
            answered=not error,
            trips=tuple(self._trips),
        )
        context.ledger.add(request)
        if not quiet:
            done = f"version {answer}" if function == "write" else captions.in_short(answer)
            context.emit(
                StepFinished(
                    request=self._number,
                    meaning=request.meaning,
                    answer=error or done,
                    took_ms=request.took_ms,
                )
            )
            context.emit(captions.after_request(request))
        return request

    def _clients(self, what: str) -> tuple[ClosableShop, ClosableCache]:
        """The clients, connected if they can be: no request is charged for a connection that it did
        not ask for.
        """
        engine = cache_engine(self.context)
        if self._cache is None or self._cache_kind != engine:
            if self._cache is not None:
                self._cache.close()
            self._cache, self._cache_kind = self._new_cache(engine), engine
        if self._shop is None:
            self._shop = self._new_shop(what)
        self._shop.what = what
        self._cache.connect()
        self._shop.connect()
        return self._shop, self._cache

    def _new_cache(self, engine: str) -> ClosableCache:
        context = self.context
        on_command, on_lookup = partial(self._on_command, "cache"), partial(self._on_command, "app")
        if context.doubles is not None:
            return context.doubles.cache(
                lambda: context.is_reached(CACHE), on_command, on_lookup, self._found
            )
        address = context.address_for_app("cache")
        if engine == "memcached":
            return MemcachedCache(address, on_command=on_command, on_found=self._found)
        password = context.password("cache")
        return RedisCache(
            address,
            Access("shop", password),
            on_command=on_command,
            on_lookup=on_lookup,
            on_found=self._found,
        )

    def _found(self, value: bytes) -> Sense:
        """What a value of the cache means: stale, if the database held a newer version of the item
        before the request began.
        """
        with suppress(ValueError):
            answer = json.loads(value)
            version = answer.get("version") if isinstance(answer, dict) else None
            if isinstance(version, int) and self._committed is not None:
                return "stale" if version < self._committed else "hit"
        return "hit"

    def _new_shop(self, what: str) -> ClosableShop:
        context, on_command = self.context, partial(self._on_command, "database")
        if context.doubles is not None:
            return context.doubles.shop(lambda: context.is_reached(DATABASE), on_command, what)
        address, password = context.address_for_app("database"), context.password("database")
        return SqlAlchemyShop(address, password=password, what=what, on_command=on_command)

    def _meaning(
        self, function: str, version: int | None, committed: int | None, error: str
    ) -> Sense:
        if error:
            return "error"
        if function == "write":
            return "write"
        if version is not None and committed is not None and version < committed:
            return "stale"
        cache = [trip.meaning for trip in self._trips if trip.server in ("cache", "app")]
        if any(trip.server == "database" for trip in self._trips):
            return "miss" if "miss" in cache else "read"
        return "hit" if "hit" in cache or "stale" in cache else "none"

    def _on_command(
        self, server: str, command: str, reply: str, took_ms: float, meaning: Sense
    ) -> None:
        self._trips.append(Trip(server, command, meaning, took_ms))
        if self._quiet:
            return
        self.context.emit(
            CommandRan(
                request=self._number,
                server=server,
                command=command,
                reply=reply,
                took_ms=round(took_ms, 4),
                meaning=meaning,
            )
        )
        if self.stepper.running and (sentence := captions.AFTER_COMMAND.get((server, meaning))):
            self.context.emit(sentence)

    def _line_reached(self, line: int, last_line: int) -> None:
        self.context.emit(LineReached(request=self._number, line=line, last_line=last_line))
