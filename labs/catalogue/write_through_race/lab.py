"""Write-through race: which schedules leave stale data in the cache, and which cures survive all of
them.
"""

from __future__ import annotations

from labs.catalogue.write_through_race import checks, guide, mutants
from labs.catalogue.write_through_race.strategies import (
    CACHE_ASIDE,
    COMPARE_AND_DELETE,
    COMPARE_AND_SET,
    LEASE,
    STRATEGIES,
    WRITE_THROUGH,
)
from labs.lab import Choice, Lab, Link, Node, Number, Topology
from labs.sandbox.experiment import temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving import bench, tables
from labs.setups.interleaving.bench import Races, races
from labs.setups.interleaving.played import OUTCOMES
from labs.setups.interleaving.race import RACES
from labs.setups.interleaving.survey import Survey
from labs.setups.shop import charts, storefront

lab = Lab(
    id="write-through-race",
    title="Write-through race",
    view="The order of the steps",
    question="In which order must things happen for the cache to lie?",
    about="Put the steps of a reader and writers in order, one at a time, on real servers. Find "
    "the orders that leave stale data, then a cure that survives them all.",
    minutes=30,
    parts=(*storefront.PARTS, Races),
    topology=Topology(
        nodes=(
            Node("app", "Shop app", "app"),
            Node("cache", "cache", "redis", options={"scripts": True}),
            Node("database", "database", "postgres", about="products"),
        ),
        links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
    ),
    controls=(
        bench.RACE,
        Choice(
            "strategy",
            "Strategy",
            tuple((name, strategy.label) for name, strategy in STRATEGIES.items()),
            WRITE_THROUGH,
            gear="view",
        ),
        bench.START,
        bench.TTL,
        bench.SCHEDULE,
        storefront.clients(4),
        storefront.rate(400),
        storefront.write_percent(50, maximum=100),
        Number(
            "load_items",
            "Items",
            1,
            100,
            1,
            3,
            gear="load",
            help="Few, so that writers often meet.",
        ),
        storefront.skew(0.5),
    ),
    strategies=STRATEGIES,
    pick_strategy=lambda settings: str(settings["strategy"]),
    charts=(charts.STALE_READS_AND_ERRORS, *storefront.CHARTS),
    tiles=(
        "stale_reads_per_s",
        "writes_per_s",
        "hit_rate_percent",
        "cache_p50_ms",
        "database_p50_ms",
        "items",
    ),
    tables=(tables.SURVIVORS, tables.PLAYED, tables.SCHEDULES),
    checks=(
        checks.write_through_stale,
        checks.cache_aside_stale,
        checks.ttl_bounds,
        checks.lock_recognised,
        checks.compare_and_set_survives,
        checks.lease_survives,
    ),
    mutants=mutants.MUTANTS,
    guide=guide.GUIDE,
)


@lab.action("Play this order", gear="view", fields=(bench.SCHEDULE,), primary=True)
def play(sandbox: Sandbox, order: str) -> str:
    played = races(sandbox).play(order)
    return f"Order {played.schedule}: {tables.sentence(played)[0]}"


@lab.action("Run all orders", gear="view", measures=True)
def run_all(sandbox: Sandbox) -> str:
    survey = races(sandbox).run_all()
    _note_outcomes(sandbox)
    return tables.summary(survey)


@lab.action(
    "Run them for every strategy",
    gear="view",
    measures=True,
    here="Redis with Lua scripts, and row locks of Postgres.",
    aws="the same scripts on Redis OSS and Valkey nodes; Memcached runs none, it has "
    "gets and cas instead.",
)
def run_every_strategy(sandbox: Sandbox) -> str:
    found = races(sandbox).run_every_strategy()
    _note_outcomes(sandbox)
    survived = [STRATEGIES[survey.strategy].label for survey in found if not survey.stale]
    return (
        f"{sum(survey.schedules for survey in found)} orders of "
        f"{RACES[found[0].race][0]}. Left nothing stale: {'; '.join(survived) or 'none'}."
    )


@lab.prediction(
    "Write-through, two writers of the same item, the cache empty at first. Each writes, commits, "
    "stores: 20 orders. In how many does the cache end with the old price?",
    unit="orders",
    unit_of_one="order",
    slack=1.0,
    why="The row lock leaves only the orders in which one commits before the other writes. Of "
    "those, the old one is left where the first to commit is the last to store.",
)
def write_through_two_writers(sandbox: Sandbox) -> float:
    return float(_surveyed(sandbox, WRITE_THROUGH, "two-writers").outcomes["stale"])


@lab.prediction(
    "Cache-aside, a reader that misses and a writer that deletes after its commit. In "
    "what share of all orders does the cache end with the old price?",
    unit="%",
    slack=5.0,
    why="The reader has to read before the commit and store after the delete. Under load two "
    "requests seldom meet in that window, but they can.",
)
def cache_aside_share(sandbox: Sandbox) -> float:
    found = _surveyed(sandbox, CACHE_ASIDE, "reader-writer")
    return round(100 * found.outcomes["stale"] / found.schedules, 1)


@lab.prediction(
    "Readers store only what is newer than what is stored; writers delete. Does that "
    "survive every order of a reader and a writer?",
    options=(
        ("survives", "Yes, nothing old is ever stored"),
        ("stale", "No, some order ends stale"),
    ),
    why="After the delete the cache has no version to compare with, so it stores the old one.",
)
def compare_and_delete(sandbox: Sandbox) -> str:
    return "stale" if _surveyed(sandbox, COMPARE_AND_DELETE, "reader-writer").stale else "survives"


@lab.prediction(
    "While a reader and a writer race, the cache evicts the item. Which of the two "
    "cures survives every order?",
    options=(
        ("compare-and-set", "Compare-and-set on both sides"),
        ("lease", "The lease"),
        ("both", "Both"),
        ("neither", "Neither"),
    ),
    why="An eviction takes away the version that compare-and-set compares with. The "
    "token of a lease was revoked, and stays so.",
)
def eviction(sandbox: Sandbox) -> str:
    left = [
        name
        for name in (COMPARE_AND_SET, LEASE)
        if not _surveyed(sandbox, name, "reader-writer-eviction").stale
    ]
    return "both" if len(left) == 2 else left[0] if left else "neither"


def _surveyed(sandbox: Sandbox, strategy: str, race: str) -> Survey:
    with temporarily(sandbox, strategy=strategy, race=race, start="empty"):
        survey = races(sandbox).run_all()
    _note_outcomes(sandbox)
    return survey


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    for race in ("reader-writer", "two-writers"):
        sandbox.set("race", race)
        races(sandbox).run_every_strategy()
    for race in ("reader-writer-eviction", "two-readers-writer", "reader-two-writers"):
        sandbox.set("race", race)
        for name in (COMPARE_AND_SET, LEASE):
            sandbox.set("strategy", name)
            races(sandbox).run_all()
    sandbox.set("race", "reader-writer")
    sandbox.set("start", "warm")
    races(sandbox).run_every_strategy()
    sandbox.set("start", "empty")
    _note_outcomes(sandbox)
    _replay_stale(sandbox)


def _note_outcomes(sandbox: Sandbox) -> None:
    note, surveys = sandbox.measurements, races(sandbox).surveys()
    for found in surveys:
        name = f"{found.race}_{found.strategy}".replace("-", "_")
        name += "_warm" if found.start == "warm" else ""
        note[f"{name}_orders"] = found.schedules
        for outcome in OUTCOMES:
            note[f"{name}_{outcome}"] = found.outcomes[outcome]
        note[f"{name}_old_answers"] = found.old_answers
    took_s = sum(found.took_s for found in surveys)
    note["ms_per_order"] = round(1000 * took_s / sum(len(one.played) for one in surveys), 2)


def _replay_stale(sandbox: Sandbox) -> None:
    """Play a stale schedule of each of two races again, by its letters."""
    for strategy, race in ((WRITE_THROUGH, "two-writers"), (CACHE_ASIDE, "reader-writer")):
        sandbox.set("race", race)
        sandbox.set("strategy", strategy)
        stale = [
            played
            for found in races(sandbox).surveys()
            if (found.strategy, found.race) == (strategy, race)
            for played in found.stale
        ]
        for played in stale[:1]:
            again = races(sandbox).play(played.schedule)
            note = f"replayed_{strategy.replace('-', '_')}_stale"
            sandbox.measurements[note] = float(again.outcome == "stale")
