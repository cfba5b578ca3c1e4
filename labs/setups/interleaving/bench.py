"""The part that runs races: it plays the schedule that is set, or all of them, on the sandbox's own
servers, and shows what was seen.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.errors import NotNow
from labs.events import CaptionChanged
from labs.lab import Choice, Strategy, Text
from labs.sandbox.context import Context
from labs.sandbox.experiment import make_ready
from labs.sandbox.part import Part
from labs.setups.interleaving import tables
from labs.setups.interleaving.played import Played
from labs.setups.interleaving.race import RACES, STARTS, Race
from labs.setups.interleaving.schedules import following
from labs.setups.interleaving.survey import Survey, survey

_NAMES = tuple((name, words) for name, (words, _) in RACES.items())
RACE = Choice("race", "Who races", _NAMES, "reader-writer", gear="view")
START = Choice("start", "Cache at the start", tuple(STARTS.items()), "empty", gear="view")
_TTLS = (("0", "none"), ("5", "5 s"), ("60", "60 s"))
TTL = Choice("ttl_s", "Time to live", _TTLS, "60", gear="view")
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
    for another one. A load that runs is stopped for it, and the servers are brought up.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._busy = threading.Lock()

    def opened(self) -> None:
        """Show the steps of the schedule that is set, before they are taken."""
        self._show_schedule(str(self.context.settings["order"]), None)

    def restarted(self) -> None:
        """Show the steps of the schedule that is set, before they are taken."""
        self.opened()

    def setting_changed(self, name: str) -> None:
        """What is on the page belongs to another race now."""
        if name in ("race", "strategy", "start", "ttl_s"):
            self.context.tabulate("orders", ())
        if name in ("race", "strategy", "order"):
            self.opened()

    def play(self, schedule: str) -> Played:
        """Play one schedule and show it; the servers are left as it ended.

        The setting `order` becomes what was really played, for a link to play it again.
        """
        context = self.context
        with self._race() as race:
            played = race.play(following(schedule), watched=True)
        context.ledger.observe(
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
    def _race(self) -> Iterator[Race]:
        """Build the configured race. Raises NotNow while another race runs."""
        context, settings, strategy = self.context, self.context.settings, self.context.strategy()
        make_ready(context)
        redis, postgres = context.servers["cache"].engine, context.servers["database"].engine
        if not isinstance(redis, Redis) or not isinstance(postgres, Postgres):
            raise NotNow("Nothing real runs in this sandbox, so nothing can race.")
        if not self._busy.acquire(timeout=10.0):
            raise NotNow("A race is being run.", hint="Wait until it is over.")
        try:
            # The links are whole, so the race connects to the servers directly, as the load does.
            name, start = str(settings["race"]), str(settings["start"])
            with closing(
                Race(redis, postgres, strategy, name, start, strategy.ttl_s(settings))
            ) as race:
                yield race
        finally:
            self._busy.release()

    def _survey(self, strategies: Iterable[Strategy]) -> list[Survey]:
        found = []
        with self._race() as race:
            for strategy in strategies:
                race.strategy = strategy
                found.append(survey(race))
        self.context.ledger.observe(*found)
        return found

    def _show_schedule(self, schedule: str, played: Played | None) -> None:
        strategy, race = self.context.strategy(), str(self.context.settings["race"])
        self.context.tabulate("played", tables.step_rows(schedule, played, strategy, race))

    def _show_survivors(self) -> None:
        labels = {name: one.label for name, one in self.context.lab.strategies.items()}
        self.context.tabulate(
            "survivors",
            [tables.survivor_row(found, labels[found.strategy]) for found in self.surveys()[::-1]],
        )


def races(sandbox: Context) -> Races:
    """The races of this sandbox."""
    return sandbox.part(Races)
