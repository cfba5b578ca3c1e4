"""The part that runs races: it plays the schedule that is set, or all of them, on the sandbox's own
servers, and shows what was seen.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.events import CaptionChanged
from labs.lab import Choice, Strategy, Text
from labs.sandbox.context import Context
from labs.sandbox.experiment import require
from labs.sandbox.part import Part
from labs.setups.interleaving import tables
from labs.setups.interleaving.played import Played
from labs.setups.interleaving.race import LETTERS, Race, Servers, planned
from labs.setups.interleaving.schedules import beginning_with, following
from labs.setups.interleaving.survey import Survey, survey
from labs.setups.interleaving.tables import DRAWS, LIMIT, RACES, SEED

ITEM, WHAT = 42, "row"

RACE = Choice(
    "race",
    "Who races",
    tuple((name, words) for name, (words, _) in RACES.items()),
    "reader-writer",
    gear="view",
)
START = Choice(
    "start",
    "Cache at the start",
    (("empty", "empty"), ("warm", "holds it")),
    "empty",
    gear="view",
)
TTL = Choice(
    "ttl_s",
    "Time to live",
    (("0", "none"), ("5", "5 s"), ("60", "60 s")),
    "60",
    gear="view",
)
SCHEDULE = Text(
    "order",
    "Order, in letters",
    "[ABC]{0,60}",
    "An order is a row of the workers’ letters, for example ABBBA. A letter is a step of that "
    "worker.",
    gear="view",
)


@dataclass(frozen=True, slots=True)
class SinglePlay:
    """One schedule that was played alone."""

    strategy: str
    race: str
    played: Played


class Races(Part):
    """Plays races of the strategies of the lab. One race at a time: NotNow after 10 s of waiting
    for another one, LoadRunning while the load runs.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._busy = threading.Lock()

    def opened(self) -> None:
        """Show the steps of the schedule that is set."""
        self.show_plan()

    def restarted(self) -> None:
        """Show the steps of the schedule that is set."""
        self.show_plan()

    def setting_changed(self, name: str) -> None:
        """What is on the page belongs to another race now."""
        if name in ("race", "strategy", "start", "ttl_s"):
            self.context.tabulate("orders", ())
        if name in ("race", "strategy", "order"):
            self.show_plan()

    def show_plan(self) -> None:
        """Show the steps of the schedule that is set, before they are taken."""
        self._show_schedule(str(self.context.settings["order"]), None)

    def play(self, schedule: str) -> Played:
        """Play one schedule and show it; the servers are left as it ended.

        The setting `order` becomes what was really played, for a link to play it again.
        """
        context = self.context
        with self._race(context.strategy()) as race:
            played = race.play(following(schedule), watched=True)
        context.ledger.observations.append(
            SinglePlay(str(context.settings["strategy"]), str(context.settings["race"]), played)
        )
        context.set("order", schedule if played.outcome == "impossible" else played.schedule)
        self._show_schedule(schedule, played)
        text, strong = tables.sentence(played)
        context.emit(CaptionChanged(text=text, strong=strong))
        return played

    def run_all(self) -> Survey:
        """Play all schedules of the race that the settings pick, or a sample, and show them."""
        (found,) = self._survey([self.context.strategy()])
        self.context.tabulate("orders", tables.schedule_rows(found))
        self._show_survivors()
        strong = tables.verdict(found).capitalize()
        self.context.emit(CaptionChanged(text=tables.summary(found), strong=strong))
        return found

    def run_every_strategy(self) -> list[Survey]:
        """The same race for every strategy; the table of survivors grows by them."""
        found = self._survey(self.context.lab.strategies.values())
        self._show_survivors()
        return found

    def surveys(self) -> list[Survey]:
        """The newest survey of each race, strategy, start and time to live, newest last."""
        newest: dict[tuple[object, ...], Survey] = {}
        for found in self.context.ledger.seen(Survey):
            key = (found.race, found.strategy, found.start, found.ttl_s)
            newest.pop(key, None)
            newest[key] = found
        return list(newest.values())

    def plays(self) -> list[SinglePlay]:
        """The schedules that were played alone, oldest first."""
        return self.context.ledger.seen(SinglePlay)

    @contextmanager
    def _race(self, strategy: Strategy) -> Iterator[Race]:
        """Build the configured race. Raises NotNow while a load or another race runs, or a server
        is down.
        """
        context = self.context
        require(context)
        redis, postgres = context.servers["cache"].engine, context.servers["database"].engine
        if not isinstance(redis, Redis) or not isinstance(postgres, Postgres):
            raise NotNow("Nothing real runs in this sandbox, so nothing can race.")
        if not self._busy.acquire(timeout=10.0):
            raise NotNow("A race is being run.", hint="Wait until it is over.")
        try:
            # The links are whole, so the race connects to the servers directly, as the load does.
            servers = Servers(
                redis,
                postgres,
                redis.address,
                context.password("cache"),
                postgres.address,
                context.password("database"),
            )
            race = Race(
                servers,
                strategy,
                RACES[str(context.settings["race"])][1],
                item=ITEM,
                what=WHAT,
                ttl_s=strategy.ttl_s(context.settings),
                warm=context.settings["start"] == "warm",
            )
            try:
                yield race
            finally:
                race.close()
        finally:
            self._busy.release()

    def _survey(self, strategies: Iterable[Strategy]) -> list[Survey]:
        settings, racing = dict(self.context.settings), list(strategies)
        name, found = str(settings["race"]), []
        with self._race(racing[0]) as race:
            for strategy in racing:
                race.strategy = strategy
                lengths = Counter(
                    {letter: len(steps) for letter, steps in _steps(strategy, name).items()}
                )
                found.append(
                    survey(
                        race,
                        name=name,
                        strategy=strategy.name,
                        start=str(settings["start"]),
                        ttl_s=strategy.ttl_s(settings),
                        draws=0 if beginning_with("", lengths) <= LIMIT else DRAWS,
                        seed=SEED,
                        limit=LIMIT,
                    )
                )
        self.context.ledger.observations.extend(found)
        return found

    def _show_schedule(self, schedule: str, played: Played | None) -> None:
        race = str(self.context.settings["race"])
        steps = _steps(self.context.strategy(), race)
        self.context.tabulate("played", tables.step_rows(schedule, played, race, steps))

    def _show_survivors(self) -> None:
        labels = {name: one.label for name, one in self.context.lab.strategies.items()}
        self.context.tabulate(
            "survivors",
            [tables.survivor_row(found, labels[found.strategy]) for found in self.surveys()[::-1]],
        )


def races(sandbox: Context) -> Races:
    """The races of this sandbox."""
    return sandbox.part(Races)


def _steps(strategy: Strategy, race: str) -> dict[str, list[str]]:
    """The names of each worker's steps where the cache is empty and no other worker comes between:
    the most that it takes.
    """
    return {
        letter: planned(strategy, role, what=WHAT)
        for letter, role in zip(LETTERS, RACES[race][1], strict=False)
    }
