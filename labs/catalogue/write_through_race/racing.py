"""The lab's experiments: play one order, or all of them, on the sandbox's own servers, and tell
what was seen as tables.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from labs.catalogue.write_through_race.strategies import STRATEGIES
from labs.engines import Postgres, Redis
from labs.errors import NotNow
from labs.events import Said, Value
from labs.lab import Column, Strategy, Table
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving.played import Played, Role, Step
from labs.setups.interleaving.race import LETTERS, Race, Servers, planned
from labs.setups.interleaving.schedules import beginning_with, following
from labs.setups.interleaving.survey import Survey, survey

ITEM, WHAT = 42, "row"
SEED, DRAWS, MOST = 7, 40, 300
"""All orders of a race are played where there are at most MOST; else DRAWS of them, drawn by the
seed.
"""

RACES: dict[str, tuple[str, tuple[Role, ...]]] = {
    "reader-writer": ("a reader and a writer", ("reader", "writer")),
    "two-writers": ("two writers", ("writer", "writer")),
    "reader-writer-eviction": ("a reader, a writer, an eviction", ("reader", "writer", "eviction")),
    "two-readers-writer": ("two readers and a writer", ("reader", "reader", "writer")),
    "reader-two-writers": ("a reader and two writers", ("reader", "writer", "writer")),
}
"""Name to its words, and who runs."""

PLAYED = Table(
    "played",
    "The order, step by step",
    (
        Column("worker", "Worker"),
        Column("step", "Step"),
        Column("server", "Server"),
        Column("command", "Command"),
        Column("reply", "Reply"),
        Column("took_ms", "Took", "ms", 2),
        Column("cached", "Cached version"),
        Column("committed", "Committed version"),
        Column("told", "What it meant"),
    ),
    empty="Play an order.",
)

ORDERS = Table(
    "orders",
    "All orders of this race",
    (
        Column("number", "No."),
        Column("order", "Order"),
        Column("outcome", "Left in the cache"),
        Column("cached", "Cached version"),
        Column("committed", "Committed version"),
        Column("lasts", "For how long"),
        Column("old_answers", "Readers told an old price", sense="stale"),
        Column("stands_for", "Orders"),
    ),
    empty=f"All orders are played where there are at most {MOST}. Three workers have thousands: "
    f"{DRAWS} are drawn then, with the seed {SEED}.",
)

SURVIVORS = Table(
    "survivors",
    "What survives which race",
    (
        Column("race", "Who races"),
        Column("strategy", "Strategy"),
        Column("verdict", "Verdict"),
        Column("start", "Cache at the start"),
        Column("ttl", "Time to live"),
        Column("orders", "Orders"),
        Column("fresh", "Fresh", sense="hit"),
        Column("empty", "Empty"),
        Column("stale", "Stale", sense="stale"),
        Column("impossible", "Impossible"),
        Column(
            "old_answers",
            "A reader was told an old price",
            help="Orders in which a read answered with less than was committed before it began.",
        ),
    ),
    empty="Each run of all orders adds a row.",
)

_busy = threading.Lock()


@contextmanager
def race_of(sandbox: Sandbox, strategy: Strategy) -> Iterator[Race]:
    """The race that the settings ask for, on the sandbox's servers.

    NotNow if they are not to be had, or somebody else uses them.
    """
    if sandbox.load.running:
        raise NotNow(
            "The load is running: its steps can’t be put in order.", hint="Stop the load first."
        )
    down = [name for name, server in sandbox.servers.items() if server.state != "up"]
    if down:
        raise NotNow(f"{down[0]} is not up.", hint="Restart it first.")
    faulty = [name for name, state in sandbox.link_states.items() if state != "open"]
    if faulty:
        raise NotNow(
            f"The link to {faulty[0]} is {sandbox.link_states[faulty[0]]}.",
            hint="Restore it first.",
        )
    redis, postgres = sandbox.servers["cache"].engine, sandbox.servers["database"].engine
    if not isinstance(redis, Redis) or not isinstance(postgres, Postgres):
        raise NotNow("Nothing real runs in this sandbox, so nothing can race.")
    if not _busy.acquire(timeout=10.0):
        raise NotNow("A race is being run.", hint="Wait until it is over.")
    try:
        # The links are whole, so they may be gone around, as the load does.
        servers = Servers(
            redis,
            postgres,
            sandbox.server_address("cache"),
            sandbox.password("cache"),
            sandbox.server_address("database"),
            sandbox.password("database"),
        )
        race = Race(
            servers,
            strategy,
            RACES[str(sandbox.settings["race"])][1],
            item=ITEM,
            what=WHAT,
            ttl_s=strategy.ttl_s(sandbox.settings),
            warm=sandbox.settings["start"] == "warm",
        )
        try:
            yield race
        finally:
            race.close()
    finally:
        _busy.release()


def play(sandbox: Sandbox, order: str) -> Played:
    """Play one order and tell it; the servers are left as it ended.

    The setting `order` becomes what was really played, for a link to play it again.
    """
    with race_of(sandbox, sandbox.strategy()) as race:
        played = race.play(following(order), watched=True)
    sandbox.ledger.observations.append(
        (str(sandbox.settings["strategy"]), str(sandbox.settings["race"]), played)
    )
    sandbox.set("order", order if played.outcome == "impossible" else played.schedule)
    sandbox.tabulate("played", _rows(sandbox, order, played))
    text, strong = sentence(played)
    sandbox.emit(Said(text=text, strong=strong))
    return played


def run_all(sandbox: Sandbox) -> Survey:
    """Play all orders of the race that the settings ask for, and tell them."""
    (found,) = _surveyed(sandbox, [sandbox.strategy()])
    _tell_orders(sandbox, found)
    _tell_survivors(sandbox)
    sandbox.emit(Said(text=summary(found), strong=_verdict(found).capitalize()))
    return found


def run_every_strategy(sandbox: Sandbox) -> list[Survey]:
    """The same race for every strategy; the table of survivors grows by them."""
    found = _surveyed(
        sandbox,
        [sandbox.lab.strategy({**sandbox.settings, "strategy": name}) for name in STRATEGIES],
    )
    _tell_survivors(sandbox)
    return found


def surveys(sandbox: Sandbox) -> list[Survey]:
    """All orders that were run, newest last: one survey for each race, strategy, start and time to
    live.
    """
    newest: dict[tuple[object, ...], Survey] = {}
    for seen in sandbox.ledger.observations:
        if isinstance(seen, Survey):
            key = (seen.race, seen.strategy, seen.start, seen.ttl_s)
            newest.pop(key, None)
            newest[key] = seen
    return list(newest.values())


def plays(sandbox: Sandbox) -> list[tuple[str, str, Played]]:
    """The single orders that were played: strategy, race, and what was seen."""
    return [seen for seen in sandbox.ledger.observations if isinstance(seen, tuple)]


def plan(sandbox: Sandbox) -> None:
    """Tell the steps of the order that is set, before anybody takes them."""
    sandbox.tabulate("played", _rows(sandbox, str(sandbox.settings["order"]), None))


def changed(sandbox: Sandbox, name: str) -> None:
    """A control was set: what is on the page is of another race now."""
    if name in ("race", "strategy", "start", "ttl_s"):
        sandbox.tabulate("orders", ())
    if name in ("race", "strategy", "order"):
        plan(sandbox)


def sentence(played: Played) -> tuple[str, str]:
    """How an order ended, for the line under the drawing, and the part of it that matters most."""
    if played.blocked is not None:
        strong = "This order is impossible"
        return (
            f"{strong}: {played.blocked.letter} waits for the row lock of {played.blocked.by}, "
            "who has not committed. Postgres says so itself; it was rolled back.",
            strong,
        )
    if played.outcome == "stale":
        strong = f"Stale, {lasts(played)}"
        return (
            f"{strong}: the cache holds version {played.cached}, the database has committed "
            f"version {played.committed}.",
            strong,
        )
    strong = "The cache is empty" if played.outcome == "empty" else "Fresh"
    tail = (
        f"the next reader asks the database, which has version {played.committed}"
        if played.outcome == "empty"
        else f"cache and database both hold version {played.committed}"
    )
    old = " On the way a reader was told an old price." if played.old_answers else ""
    return f"{strong}: {tail}.{old}", strong


def lasts(played: Played) -> str:
    """For how long what is stale stays so, as the cache told."""
    return "without end" if played.left_ms is None else f"for up to {played.left_ms / 1000:.0f} s"


def summary(found: Survey) -> str:
    """A survey in a sentence."""
    count = found.outcomes
    how = (
        f"{found.schedules} orders"
        if found.whole
        else f"{found.schedules} orders drawn with the seed {found.seed}"
    )
    parts = [
        f"{count[name]} {name}" for name in ("fresh", "empty", "stale", "impossible") if count[name]
    ]
    return (
        f"{_verdict(found).capitalize()}. {how} of {RACES[found.race][0]}: "
        f"{', '.join(parts)}, in {found.took_s:.1f} s."
    )


def _surveyed(sandbox: Sandbox, strategies: list[Strategy]) -> list[Survey]:
    settings, found = dict(sandbox.settings), []
    name = str(settings["race"])
    with race_of(sandbox, strategies[0]) as race:
        for strategy in strategies:
            race.strategy = strategy
            lengths = Counter(
                {letter: len(steps) for letter, steps in _names(strategy, name).items()}
            )
            draws = 0 if beginning_with("", lengths) <= MOST else DRAWS
            found.append(
                survey(
                    race,
                    name=name,
                    strategy=strategy.name,
                    start=str(settings["start"]),
                    ttl_s=strategy.ttl_s(settings),
                    draws=draws,
                    seed=SEED,
                    limit=MOST,
                )
            )
    sandbox.ledger.observations.extend(found)
    return found


def _tell_orders(sandbox: Sandbox, found: Survey) -> None:
    rows = [
        {
            "number": number,
            "order": played.schedule + ("…" if played.blocked else ""),
            "outcome": played.outcome,
            "cached": "" if played.cached is None else played.cached,
            "committed": played.committed or "",
            "lasts": lasts(played)
            if played.outcome == "stale"
            else f"{played.blocked.letter} waits for {played.blocked.by}"
            if played.blocked
            else "",
            "old_answers": played.old_answers,
            "stands_for": stands_for,
        }
        for number, (played, stands_for) in enumerate(
            zip(found.played, found.stands_for, strict=True), start=1
        )
    ]
    sandbox.tabulate("orders", rows)


def _tell_survivors(sandbox: Sandbox) -> None:
    sandbox.tabulate(
        "survivors",
        [
            {
                "race": RACES[found.race][0],
                "strategy": STRATEGIES[found.strategy].label,
                "start": {"empty": "empty", "warm": "holds it"}[found.start],
                "ttl": f"{found.ttl_s:g} s" if found.ttl_s else "none",
                "orders": found.schedules,
                **{
                    name: found.outcomes[name] for name in ("fresh", "empty", "stale", "impossible")
                },
                "old_answers": found.old_answers,
                "verdict": _verdict(found),
            }
            for found in reversed(surveys(sandbox))
        ],
    )


def _verdict(found: Survey) -> str:
    stale = found.outcomes["stale"]
    bound = "every order" if found.whole else "every order of the sample"
    if not stale:
        return f"survives {bound}"
    if found.endless:
        return f"stale in {stale}, without end"
    return f"stale in {stale}, for at most {found.ttl_s:g} s"


def _rows(sandbox: Sandbox, order: str, played: Played | None) -> list[dict[str, Value]]:
    """The steps in the order that is set: those that were taken with all that is known of them, the
    others by name.
    """
    strategy = sandbox.strategy()
    race_name = str(sandbox.settings["race"])
    names = _names(strategy, race_name)
    taken = list(played.steps) if played else []
    done = Counter(step.letter for step in taken)
    left = {letter: steps[done[letter] :] for letter, steps in names.items()}
    role_of = dict(zip(LETTERS, RACES[race_name][1], strict=False))
    wanted, rest = (
        list(order)[len(taken) :],
        [letter for letter, steps in left.items() for _ in steps],
    )
    over = played is not None and played.blocked is None
    rows = [_row(step) for step in taken]
    rows += [
        _row(Step(letter, role_of[letter], left[letter].pop(0)), told="left out" if over else "")
        for letter in [*wanted, *rest]
        if left.get(letter)
    ]
    if played:
        rows.append(
            {"worker": "", "step": "end", "reply": sentence(played)[0], "told": played.outcome}
        )
    return rows


def _names(strategy: Strategy, race: str) -> dict[str, list[str]]:
    """Each worker's steps where the cache is empty and nobody comes between: the most that it
    takes.
    """
    return {
        letter: planned(strategy, role, what=WHAT)
        for letter, role in zip(LETTERS, RACES[race][1], strict=False)
    }


def _row(step: Step, *, told: str = "") -> dict[str, Value]:
    """A row of the table: what is not known of a step yet is empty."""
    return {
        "worker": step.letter,
        "role": step.role,
        "step": step.name,
        "server": step.server,
        "command": step.command,
        "reply": step.reply,
        "took_ms": step.took_ms if step.command else "",
        "cached": "" if step.cached is None else step.cached,
        "committed": "" if step.committed is None else step.committed,
        "told": told or ("waits" if step.waited else step.meaning if step.command else ""),
    }
