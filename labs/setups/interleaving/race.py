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
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.lab import Strategy
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

ITEM, WHAT = 42, "row"
LETTERS = "ABCD"
RACES: dict[str, tuple[str, tuple[Role, ...]]] = {
    "reader-writer": ("a reader and a writer", ("reader", "writer")),
    "two-writers": ("two writers", ("writer", "writer")),
    "reader-writer-eviction": ("a reader, a writer, an eviction", ("reader", "writer", "eviction")),
    "two-readers-writer": ("two readers and a writer", ("reader", "reader", "writer")),
    "reader-two-writers": ("a reader and two writers", ("reader", "writer", "writer")),
}
"""The name of each race, its words, and the workers."""
STARTS = {"empty": "empty", "warm": "holds it"}
"""What the cache holds at the start, and its words."""
ASK_FOR_LOCK_S = 0.004
STEP_DEADLINE_S = 2.0

_KEY = f"{WHAT}:{ITEM}"
_FORGET = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"
_READ = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}"


class Race:
    """Workers that race for one item: `name` is that of RACES, `start` is what the cache holds,
    warm or empty.

    `play` as often as needed, with another `strategy` if needed, then `close`. One caller at a
    time.
    """

    def __init__(
        self,
        redis: Redis,
        postgres: Postgres,
        strategy: Strategy,
        name: str,
        start: str,
        ttl_s: float,
    ) -> None:
        self.strategy = strategy
        self.name = name
        self.start = start
        self.ttl_s = ttl_s
        self._redis = redis
        self._postgres = postgres
        self._settled: SimpleQueue[str] = SimpleQueue()
        self._racers: list[Racer] = []
        self._ours = TransactionShop(postgres, WHAT)
        try:
            self._ours.connect(ITEM)
            self._ours.never_wait()
            for letter, role in zip(LETTERS, RACES[name][1], strict=False):
                self._racers.append(
                    Racer(letter, role, self._settled, redis, postgres, item=ITEM, what=WHAT)
                )
            before = self._ours.read(ITEM)
        except BaseException:
            self.close()
            raise
        self._version, self._price = int(str(before["version"])), float(str(before["price"]))

    def play(self, choose: Choose, *, watched: bool = False) -> Played:
        """Clean up, take the steps in the order that `choose` gives, and read what the servers
        hold; if `watched`, after every step as well.
        """
        self.clean()
        waiting_at: list[str] = []
        steps: list[Step] = []
        before: dict[str, int] = {}
        blocked: Blocked | None = None
        racers = {racer.letter: racer for racer in self._racers}
        threads = [racer.start(partial(self._work, racer)) for racer in self._racers]
        try:
            for _ in racers:
                self._wait()
            while blocked is None and (
                waiting := "".join(letter for letter, racer in racers.items() if not racer.over)
            ):
                racer = racers[choose(len(steps), waiting)]
                if racer.role == "reader" and racer.letter not in before:
                    before[racer.letter] = self._committed()
                waiting_at.append(waiting)
                planned = Step(racer.letter, racer.role, racer.next_step)
                racer.go()
                blocked = self._settle(racer)
                steps.append(self._seen(racer.taken or planned, blocked, watched))
        finally:
            self._end(threads)
        played = Played(
            "".join(step.letter for step in steps),
            tuple(waiting_at),
            "impossible",
            tuple(steps),
            blocked=blocked,
            problem=next((racer.problem for racer in self._racers if racer.problem), ""),
        )
        return played if blocked else self._judged(played, before)

    def clean(self) -> None:
        """The row as it was when the race began, and in the cache nothing of this item, or the row
        if it begins warm.
        """
        self._ours.put_back(ITEM, self._price, self._version)
        self._redis.run("EVAL", _FORGET, 0, f"{_KEY}*")
        if self.start == "warm":
            life = ("PX", int(self.ttl_s * 1000)) if self.ttl_s else ()
            self._redis.run("SET", _KEY, json.dumps(self._ours.read(ITEM)), *life)

    def close(self) -> None:
        """Give all connections back."""
        self._ours.close()
        for racer in self._racers:
            racer.close()

    def _work(self, racer: Racer) -> object:
        price = 20.0 + LETTERS.index(racer.letter)
        return _work(self.strategy, racer.role, racer.shop, racer.cache, price, self.ttl_s)

    def _wait(self) -> None:
        if not self._has_settled(STEP_DEADLINE_S):
            raise ServerDown(
                "A worker of the race does not come to its next step.",
                hint="Look at the drawing: a server may be paused, or a link cut.",
            )

    def _settle(self, racer: Racer) -> Blocked | None:
        """Wait until the step is taken; what blocks it, if it waits for a lock."""
        end = time.monotonic() + STEP_DEADLINE_S
        letters = {other.pid: other.letter for other in self._racers}
        while not self._has_settled(ASK_FOR_LOCK_S):
            holders = self._postgres.blocked_by(racer.pid)
            for holder in holders:
                if holder in letters:
                    return Blocked(racer.letter, letters[holder], racer.pid, holder)
            if holders:
                raise lock_held_elsewhere()
            if time.monotonic() > end:
                raise ServerDown(
                    "A step of the race was not answered.",
                    hint="Look at the drawing: a server may be paused, or a link cut.",
                )
        return None

    def _end(self, threads: list[threading.Thread]) -> None:
        for racer in self._racers:
            if not racer.over:
                racer.abandon()
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

    def _seen(self, step: Step, blocked: Blocked | None, watched: bool) -> Step:
        if blocked:
            reply = f"waits for {blocked.by}, which holds the row’s lock"
            return replace(step, server="database", reply=reply, meaning="error", waited=True)
        if watched:
            return replace(step, cached=self._cached()[0], committed=self._committed())
        return step

    def _judged(self, played: Played, before: dict[str, int]) -> Played:
        (cached, left), committed = self._cached(), self._committed()
        old = sum(
            _version(racer.answer) < before[racer.letter]
            for racer in self._racers
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
        reply = self._redis.run("EVAL", _READ, 1, _KEY)
        assert isinstance(reply, list)
        stored, left = reply
        return (_version(json.loads(stored)) if isinstance(stored, bytes) else None), (
            left if isinstance(left, int) and left >= 0 else None
        )

    def _committed(self) -> int:
        version = version_of(self._postgres, WHAT, ITEM)
        if version is None:
            raise ServerDown("The database has lost the item.", hint="Start afresh.")
        return version


def planned(strategy: Strategy, role: Role) -> list[str]:
    """The names of the steps that a worker takes when the cache is empty and no other worker comes
    between, the most that it takes: the strategy's own text, run without servers.
    """
    rehearsal = Rehearsal()
    _work(strategy, role, GatedShop(rehearsal, WHAT), GatedCache(rehearsal), 1.0, 1.0)
    return rehearsal.names


def plan(strategy: Strategy, race: str) -> dict[str, list[str]]:
    """The names of each worker's steps."""
    roles = zip(LETTERS, RACES[race][1], strict=False)
    return {letter: planned(strategy, role) for letter, role in roles}


def _work(
    strategy: Strategy, role: Role, shop: GatedShop, cache: GatedCache, price: float, ttl_s: float
) -> object:
    if role == "reader":
        return strategy.read(shop, cache, ITEM, ttl_s)
    if role == "writer":
        assert strategy.write is not None
        return strategy.write(shop, cache, ITEM, price, ttl_s)
    cache.delete(_KEY)
    return None


def _version(answer: object) -> int:
    version = answer.get("version") if isinstance(answer, dict) else None
    return version if isinstance(version, int) else -1
