"""The application of a sandbox: one request at a time through the strategy on the page, with the
servers' counters before and after.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from labs.caching.cache import CacheDown
from labs.definition import Strategy
from labs.errors import BadInput, NotNow, ServerDown
from labs.events import CommandRan, LineReached, Said, Sense, StepFinished, StepStarted
from labs.sandbox.clients import ClosableCache, ClosableShop, MemcachedCache, RedisCache
from labs.sandbox.fakes import FakeCache, FakeShop
from labs.sandbox.ledger import Request, Trip
from labs.sandbox.stepper import Stepper
from labs.shop.shop import SqlAlchemyShop

if TYPE_CHECKING:
    from labs.sandbox.sandbox import Sandbox


class Application:
    """Runs reads and writes in step gear.

    Only one request is under way at a time, so that counters can be put down to it.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._trips: list[Trip] = []
        self._number = 0
        self._told = True
        self._cache: ClosableCache | None = None
        self._cache_engine = ""
        self._shop: ClosableShop | None = None
        self.stepper = Stepper(on_line=self._line_reached)

    def read(self, item: int, *, told: bool = True) -> Request:
        """One read, recorded in the ledger; `told` also tells each command as an event."""
        return self._alone(lambda: self._request("read", item, None, told))

    def write(self, item: int, price: float, *, told: bool = True) -> Request:
        """One price change through the strategy's write side."""
        return self._alone(lambda: self._request("write", item, price, told))

    def step(self, function: str, item: int, price: float | None) -> None:
        """Begin a request that waits before each of its statements."""
        strategy = self._sandbox.strategy()
        target = strategy.read if function == "read" else strategy.write
        if target is None:
            raise BadInput(f"The strategy {strategy.label} has no {function} side.")
        if not self._lock.acquire(blocking=False):
            raise NotNow("A request is already standing here.", hint="Run it to its end first.")
        try:
            self.stepper.start(target, lambda: self._stepped(function, item, price))
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let a standing request run out, and give the connections back."""
        self.stepper.finish()
        self.forget_clients()

    def forget_clients(self) -> None:
        """Connect anew next time: the engine or the server behind the address changed."""
        if self._cache is not None:
            self._cache.close()
            self._cache = None
        if self._shop is not None:
            self._shop.close()
            self._shop = None

    def _alone(self, run: Callable[[], Request]) -> Request:
        if not self._lock.acquire(timeout=5.0):
            raise NotNow("A request is standing in step gear.", hint="Run it to its end first.")
        try:
            return run()
        finally:
            self._lock.release()

    def _stepped(self, function: str, item: int, price: float | None) -> None:
        try:
            self._request(function, item, price, told=True)
        finally:
            self._lock.release()

    def _request(self, function: str, item: int, price: float | None, told: bool) -> Request:
        sandbox, strategy = self._sandbox, self._sandbox.strategy()
        self._number = sandbox.ledger.next_number()
        self._trips, self._told = [], told
        what, ttl_s = str(sandbox.settings.get("read", "row")), strategy.ttl_s(sandbox.settings)
        if told:
            shown = (
                f"{function}({item})" if price is None else f"{function}({item}, price={price:.2f})"
            )
            sandbox.tell(
                StepStarted(
                    request=self._number, strategy=strategy.name, function=function, call=shown
                )
            )
        shop, cache = self._clients(what)
        alone = not sandbox.load.running
        committed = sandbox.committed_version(what, item)
        before = sandbox.counters()
        began = time.monotonic()
        version, answer, error = self._run(strategy, function, item, price, ttl_s, shop, cache)
        ended = time.monotonic()
        self._note(function, item, version, ended)
        after = sandbox.counters()
        request = Request(
            number=self._number,
            function=function,
            strategy=strategy.name,
            engine=sandbox.cache_engine,
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
        sandbox.ledger.add(request)
        if told:
            sandbox.tell(
                StepFinished(
                    request=self._number,
                    meaning=request.meaning,
                    answer=answer or error,
                    took_ms=request.took_ms,
                )
            )
            sandbox.tell(
                _sentence(
                    request,
                    cache_told=any(
                        c.server == "cache" and c.meaning == "write" for c in self._trips
                    ),
                )
            )
        return request

    def _note(self, function: str, item: int, version: int | None, at: float) -> None:
        """Tell the load's clients what was written here, and what was asked for."""
        if function == "read":
            self._sandbox.commits.ask(item)
        elif version is not None:
            self._sandbox.commits.note(item, version, at)

    @staticmethod
    def _run(
        strategy: Strategy,
        function: str,
        item: int,
        price: float | None,
        ttl_s: float,
        shop: ClosableShop,
        cache: ClosableCache,
    ) -> tuple[int | None, str, str]:
        """The version that came back, the answer in short, and the error if there was one."""
        try:
            if function == "read":
                answer = strategy.read(shop, cache, item, ttl_s)
                if not isinstance(answer, dict):
                    return None, str(answer)[:200], ""
                version = answer.get("version")
                return (version if isinstance(version, int) else None), _in_short(answer), ""
            assert strategy.write is not None and price is not None
            made = strategy.write(shop, cache, item, price, ttl_s)
            return (made if isinstance(made, int) else None), f"version {made}", ""
        except (ServerDown, CacheDown) as exc:
            return None, "", str(exc)

    def _clients(self, what: str) -> tuple[ClosableShop, ClosableCache]:
        """The clients, connected if they can be: no request is charged for a connection that it did
        not ask for.
        """
        engine = self._sandbox.cache_engine
        if self._cache is None or self._cache_engine != engine:
            if self._cache is not None:
                self._cache.close()
            self._cache, self._cache_engine = self._new_cache(engine), engine
        if self._shop is None:
            self._shop = self._new_shop(what)
        self._shop.what = what
        self._cache.connect()
        self._shop.connect()
        return self._shop, self._cache

    def _new_cache(self, engine: str) -> ClosableCache:
        sandbox = self._sandbox
        if sandbox.pretence is not None:
            return FakeCache(
                sandbox.pretence,
                lambda: sandbox.is_reached("cache"),
                self._tell_cache,
                self._tell_own,
            )
        address = sandbox.address_for_app("cache")
        if engine == "memcached":
            return MemcachedCache(address, tell=self._tell_cache)
        return RedisCache(
            address,
            user="shop",
            password=sandbox.password("cache"),
            tell=self._tell_cache,
            looked=self._tell_own,
        )

    def _new_shop(self, what: str) -> ClosableShop:
        sandbox = self._sandbox
        if sandbox.pretence is not None:
            return FakeShop(
                sandbox.pretence, lambda: sandbox.is_reached("database"), self._tell_database, what
            )
        return SqlAlchemyShop(
            sandbox.address_for_app("database"),
            password=sandbox.password("database"),
            what=what,
            tell=self._tell_database,
        )

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
        return "hit" if "hit" in cache else "none"

    def _tell_cache(self, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        self._heard("cache", command, reply, took_ms, meaning)

    def _tell_own(self, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        self._heard("app", command, reply, took_ms, meaning)

    def _tell_database(self, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        self._heard("database", command, reply, took_ms, meaning)

    def _heard(self, server: str, command: str, reply: str, took_ms: float, meaning: Sense) -> None:
        self._trips.append(Trip(server, meaning, took_ms))
        if not self._told:
            return
        self._sandbox.tell(
            CommandRan(
                request=self._number,
                server=server,
                command=command,
                reply=reply,
                took_ms=round(took_ms, 4),
                meaning=meaning,
            )
        )
        if self.stepper.running:
            sentence = _MEANWHILE.get((server, meaning))
            if sentence:
                self._sandbox.tell(sentence)

    def _line_reached(self, line: int, last_line: int) -> None:
        self._sandbox.tell(LineReached(request=self._number, line=line, last_line=last_line))


_MEANWHILE: dict[tuple[str, Sense], Said] = {
    ("cache", "hit"): Said(
        text="The cache had it. The database will hear nothing.", strong="The cache had it."
    ),
    ("cache", "miss"): Said(
        text="The cache had nothing. Now the database has to answer.",
        strong="The cache had nothing.",
    ),
    ("cache", "error"): Said(
        text="The cache does not answer. A careful reader asks the database instead.",
        strong="The cache does not answer.",
    ),
    ("cache", "write"): Said(text="The cache has been told.", strong=""),
    ("database", "read"): Said(
        text="The database has answered.", strong="The database has answered."
    ),
    ("database", "write"): Said(
        text="The database has committed the new price. The cache has not heard of it yet.",
        strong="The cache has not heard of it yet.",
    ),
}


def _sentence(request: Request, *, cache_told: bool) -> Said:
    """The sentence under the drawing when a request is over."""
    took = f"{request.took_ms:.2f} ms"
    match request.meaning:
        case "hit":
            return Said(
                text=f"The cache had it, in {took}. The database heard nothing.",
                strong=f"The cache had it, in {took}.",
            )
        case "miss":
            return Said(
                text=f"The cache had nothing, so the database answered: {took} for the first "
                "reader. The next one finds it stored.",
                strong="the database answered",
            )
        case "stale":
            return Said(
                text=f"The cache had an old one: version {request.version}, while the database "
                f"holds version {request.committed}.",
                strong="The cache had an old one",
            )
        case "write":
            told = "The cache was told as well." if cache_told else "Nobody has told the cache."
            return Said(
                text=f"The database has the new price. {told}",
                strong="The database has the new price.",
            )
        case "read":
            tail = (
                "The cache is down: slower, never wrong."
                if request.cache_down
                else "The cache took nothing off it."
            )
            return Said(
                text=f"The database answered, in {took}. {tail}",
                strong=f"The database answered, in {took}.",
            )
        case "error":
            return Said(text="Nobody answered this request.", strong="Nobody answered")
    return Said(
        text="The answer came from neither the cache nor the database.",
        strong="neither the cache nor the database",
    )


def _in_short(answer: dict[str, object]) -> str:
    parts = [f"{name} {answer[name]}" for name in ("name", "price", "version") if name in answer]
    return ", ".join(parts)[:200] or f"{len(answer)} fields"
