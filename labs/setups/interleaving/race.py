"""A race on real servers: one schedule played, what the cache and the database held afterwards,
and all of it cleaned before the next.

A schedule in which a step waits for a row lock can't be played: the worker that holds the lock has
to go first. Postgres says which process blocks which; such a schedule is reported as impossible and
rolled back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.lab import Strategy
from labs.sandbox.clients import RedisCache
from labs.setups.interleaving.played import Blocked, Outcome, Played, Role, Step
from labs.setups.interleaving.racers import (
    GatedCache,
    GatedShop,
    Racer,
    Rehearsal,
    TransactionShop,
    lock_held_elsewhere,
)
from labs.setups.interleaving.schedules import Choose
from labs.shop.versions import version_of

LETTERS = "ABCD"
ASK_FOR_LOCK_S = 0.004
STEP_DEADLINE_S = 2.0

_FORGET = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"
_READ = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the racers connect, with what password, and the engines through which the race itself
    asks.
    """

    redis: Redis
    postgres: Postgres
    cache: Address
    cache_password: str
    database: Address
    database_password: str


@dataclass(frozen=True, slots=True)
class _Runner:
    """A worker with its own connections; `pid` is its process in Postgres."""

    racer: Racer
    cache: RedisCache
    shop: TransactionShop
    pid: int
    run: Callable[[], object]


class Race:
    """Workers that race for one item.

    `play` as often as needed, with another `strategy` if needed, then `close`. One caller at a
    time.
    """

    def __init__(
        self,
        servers: Servers,
        strategy: Strategy,
        roles: Sequence[Role],
        *,
        item: int,
        what: str,
        ttl_s: float,
        warm: bool,
    ) -> None:
        self._servers = servers
        self.strategy = strategy
        self._item = item
        self._what = what
        self._ttl_s = ttl_s
        self._warm = warm
        self._key = f"{what}:{item}"
        self._settled: SimpleQueue[str] = SimpleQueue()
        self._ours = self._shop()
        self._runners: list[_Runner] = []
        try:
            self._ours.connect(item)
            self._ours.never_wait()
            for letter, role in zip(LETTERS, roles, strict=False):
                self._runners.append(self._runner(letter, role))
            before = self._ours.read(item)
        except BaseException:
            self.close()
            raise
        self._version, self._price = int(str(before["version"])), float(str(before["price"]))

    def play(self, choose: Choose, *, watched: bool = False) -> Played:
        """Clean up, take the steps in the order that `choose` gives, and read what the servers
        hold; if `watched`, after every step as well.
        """
        self.clean()
        schedule = ""
        waiting_at: list[str] = []
        steps: list[Step] = []
        before: dict[str, int] = {}
        blocked: Blocked | None = None
        racers = {runner.racer.letter: runner.racer for runner in self._runners}
        threads = [runner.racer.start(runner.run, runner.shop.rollback) for runner in self._runners]
        try:
            for _ in racers:
                self._wait()
            while blocked is None and (
                waiting := "".join(letter for letter, racer in racers.items() if not racer.over)
            ):
                letter = choose(len(schedule), waiting)
                racer, name = racers[letter], racers[letter].next_step
                if racer.role == "reader" and letter not in before:
                    before[letter] = self._committed()
                schedule += letter
                waiting_at.append(waiting)
                racer.go()
                blocked = self._settle(racer)
                steps.append(
                    self._taken(racer, name, watched)
                    if blocked is None
                    else _waited(racer, name, blocked)
                )
        finally:
            self._end(threads)
        problem = next((racer.problem for racer in racers.values() if racer.problem), "")
        played = Played(
            schedule,
            tuple(waiting_at),
            "impossible",
            tuple(steps),
            blocked=blocked,
            problem=problem,
        )
        return played if blocked else self._judged(played, before)

    def clean(self) -> None:
        """The row as it was when the race began, and in the cache nothing of this item, or the row
        if it begins warm.
        """
        self._ours.put_back(self._item, self._price, self._version)
        self._servers.redis.run("EVAL", _FORGET, 0, f"{self._key}*")
        if self._warm:
            life = ("PX", int(self._ttl_s * 1000)) if self._ttl_s else ()
            self._servers.redis.run(
                "SET", self._key, json.dumps(self._ours.read(self._item)), *life
            )

    def close(self) -> None:
        """Give all connections back."""
        self._ours.close()
        for runner in self._runners:
            runner.cache.close()
            runner.shop.close()

    def _runner(self, letter: str, role: Role) -> _Runner:
        racer = Racer(letter, role, self._settled)
        cache = RedisCache(
            self._servers.cache,
            Access("shop", self._servers.cache_password),
            on_command=partial(racer.record, "cache"),
            on_lookup=partial(racer.record, "cache"),
        )
        cache.connect()
        shop = self._shop()
        pid = shop.connect(self._item)
        gated = GatedShop(racer, self._what, shop), GatedCache(racer, cache)
        price = 20.0 + LETTERS.index(letter)
        return _Runner(
            racer,
            cache,
            shop,
            pid,
            lambda: _run(
                self.strategy, role, *gated, item=self._item, price=price, ttl_s=self._ttl_s
            ),
        )

    def _shop(self) -> TransactionShop:
        address = self._servers.database
        return TransactionShop(
            lambda: address, password=self._servers.database_password, what=self._what
        )

    def _wait(self) -> None:
        if not self._has_settled(STEP_DEADLINE_S):
            raise ServerDown(
                "A worker of the race does not come to its next step.",
                hint="Is a server paused, or a link cut?",
            )

    def _settle(self, racer: Racer) -> Blocked | None:
        """Wait until the step is taken; what blocks it, if it waits for a lock."""
        end = time.monotonic() + STEP_DEADLINE_S
        pids = {runner.pid: runner.racer.letter for runner in self._runners}
        pid = next(runner.pid for runner in self._runners if runner.racer is racer)
        while not self._has_settled(ASK_FOR_LOCK_S):
            holders = self._servers.postgres.blocked_by(pid)
            if any(holder in pids for holder in holders):
                holder = next(holder for holder in holders if holder in pids)
                return Blocked(racer.letter, pids[holder], pid, holder)
            if holders:
                raise lock_held_elsewhere()
            if time.monotonic() > end:
                raise ServerDown(
                    "A step of the race was not answered.",
                    hint="Is a server paused, or a link cut?",
                )
        return None

    def _end(self, threads: list[threading.Thread]) -> None:
        for runner in self._runners:
            if not runner.racer.over:
                runner.racer.abandon()
        for thread in threads:
            thread.join(STEP_DEADLINE_S)
        while not self._settled.empty():
            self._settled.get()

    def _has_settled(self, within_s: float) -> bool:
        try:
            self._settled.get(timeout=within_s)
        except Empty:
            return False
        return True

    def _taken(self, racer: Racer, name: str, watched: bool) -> Step:
        step = Step(racer.letter, racer.role, name)
        if (exchange := racer.exchange) is not None:
            step = replace(
                step,
                server=exchange.server,
                command=exchange.command,
                reply=exchange.reply,
                took_ms=round(exchange.took_ms, 3),
                meaning=exchange.meaning,
            )
        if watched:
            step = replace(step, cached=self._cached()[0], committed=self._committed())
        return step

    def _judged(self, played: Played, before: dict[str, int]) -> Played:
        (cached, left), committed = self._cached(), self._committed()
        racers = [runner.racer for runner in self._runners]
        old = sum(
            _version(racer.answer) < before[racer.letter]
            for racer in racers
            if racer.role == "reader" and isinstance(racer.answer, dict)
        )
        outcome: Outcome = "empty" if cached is None else "stale" if cached < committed else "fresh"
        return replace(
            played,
            outcome=outcome,
            cached=cached,
            committed=committed,
            left_ms=left,
            old_answers=old,
        )

    def _cached(self) -> tuple[int | None, int | None]:
        """The version that the cache holds, and for how many ms it will; None: nothing, or without
        end.
        """
        reply = self._servers.redis.run("EVAL", _READ, 1, self._key)
        assert isinstance(reply, list)
        stored, left = reply
        return (_version(json.loads(stored)) if isinstance(stored, bytes) else None), (
            left if isinstance(left, int) and left >= 0 else None
        )

    def _committed(self) -> int:
        version = version_of(self._servers.postgres, self._what, self._item)
        if version is None:
            raise ServerDown("The database has lost the item.", hint="Start afresh.")
        return version


def _version(answer: object) -> int:
    version = answer.get("version") if isinstance(answer, dict) else None
    return version if isinstance(version, int) else -1


def _waited(racer: Racer, name: str, blocked: Blocked) -> Step:
    return Step(
        racer.letter,
        racer.role,
        name,
        "database",
        reply=f"waits for {blocked.by}, who holds the row’s lock",
        meaning="error",
        waited=True,
    )


def _run(
    strategy: Strategy,
    role: str,
    shop: GatedShop,
    cache: GatedCache,
    *,
    item: int,
    price: float,
    ttl_s: float,
) -> object:
    if role == "reader":
        return strategy.read(shop, cache, item, ttl_s)
    if role == "eviction":
        cache.delete(f"{shop.what}:{item}")
        return None
    assert strategy.write is not None
    return strategy.write(shop, cache, item, price, ttl_s)


def planned(strategy: Strategy, role: Role, *, what: str) -> list[str]:
    """The names of the steps that a worker takes when the cache is empty: the strategy's own text,
    run without servers.
    """
    rehearsal = Rehearsal()
    _run(
        strategy,
        role,
        GatedShop(rehearsal, what),
        GatedCache(rehearsal),
        item=1,
        price=1.0,
        ttl_s=1.0,
    )
    return rehearsal.names
