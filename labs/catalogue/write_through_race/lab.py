"""Write-through race: which orders of steps leave stale data in the cache, and which cures survive
all of them.
"""

from __future__ import annotations

from pathlib import Path

from labs.catalogue.write_through_race.checks import CHECKS
from labs.catalogue.write_through_race.racing import (
    ORDERS,
    PLAYED,
    RACES,
    SURVIVORS,
    changed,
    plan,
    play,
    run_all,
    run_every_strategy,
    sentence,
    summary,
    surveys,
)
from labs.catalogue.write_through_race.strategies import (
    CACHE_ASIDE,
    COMPARE_AND_DELETE,
    COMPARE_AND_SET,
    LEASE,
    STRATEGIES,
    WRITE_THROUGH,
)
from labs.catalogue.write_through_race.wrong import WRONG
from labs.events import Value
from labs.lab import (
    Action,
    Chart,
    Choice,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Text,
    Topology,
    tolerances,
)
from labs.sandbox.sandbox import Sandbox
from labs.setups.interleaving.survey import Survey
from labs.setups.shop import storefront

TOLERANCES = tolerances.of(Path(__file__).parent)

ORDER = Text(
    "order",
    "Order, in letters",
    "[ABC]{0,60}",
    "An order is a row of the workers’ letters, for example ABBBA. A letter is a step of that "
    "worker.",
    gear="view",
)


def play_order(sandbox: Sandbox, order: str) -> str:
    """Play one order of steps on the servers."""
    played = play(sandbox, order)
    return f"Order {played.schedule}: {sentence(played)[0]}"


def run_all_orders(sandbox: Sandbox) -> str:
    """Play every order of the race, or a sample where there are too many."""
    return summary(run_all(sandbox))


def run_all_strategies(sandbox: Sandbox) -> str:
    """Play every order of the race with every strategy."""
    found = run_every_strategy(sandbox)
    survived = [
        STRATEGIES[survey.strategy].label for survey in found if not survey.outcomes["stale"]
    ]
    return (
        f"{sum(survey.schedules for survey in found)} orders of {RACES[found[0].race][0]}. Left "
        f"nothing stale: {'; '.join(survived) or 'none'}."
    )


def measure_write_through(sandbox: Sandbox) -> float:
    """How many orders of two writers end stale with write-through."""
    return float(_measured(sandbox, WRITE_THROUGH, "two-writers").outcomes["stale"])


def measure_cache_aside(sandbox: Sandbox) -> float:
    """The share of orders of a reader and a writer that end stale with cache-aside, in percent."""
    found = _measured(sandbox, CACHE_ASIDE, "reader-writer")
    return round(100 * found.outcomes["stale"] / found.schedules, 1)


def measure_compare_and_delete(sandbox: Sandbox) -> str:
    """Whether compare-and-set by readers is enough when writers delete."""
    return "stale" if _measured(sandbox, COMPARE_AND_DELETE, "reader-writer").stale else "survives"


def measure_eviction(sandbox: Sandbox) -> str:
    """Which of the two cures survives an eviction as well."""
    left = [
        name
        for name in (COMPARE_AND_SET, LEASE)
        if not _measured(sandbox, name, "reader-writer-eviction").stale
    ]
    return "both" if len(left) == 2 else left[0] if left else "neither"


def _measured(sandbox: Sandbox, strategy: str, race: str) -> Survey:
    before: dict[str, Value] = {
        name: sandbox.settings[name] for name in ("strategy", "race", "start")
    }
    try:
        for name, wanted in (("strategy", strategy), ("race", race), ("start", "empty")):
            sandbox.set(name, wanted)
        return run_all(sandbox)
    finally:
        for name, value in before.items():
            sandbox.set(name, value)


def reference(sandbox: Sandbox) -> None:
    """Meets every check, and measures what the lessons quote."""
    note = sandbox.measurements
    for race in ("reader-writer", "two-writers"):
        sandbox.set("race", race)
        run_every_strategy(sandbox)
    for race in ("reader-writer-eviction", "two-readers-writer", "reader-two-writers"):
        sandbox.set("race", race)
        for name in (COMPARE_AND_SET, LEASE):
            sandbox.set("strategy", name)
            run_all(sandbox)
    sandbox.set("race", "reader-writer")
    sandbox.set("start", "warm")
    run_every_strategy(sandbox)
    sandbox.set("start", "empty")
    for found in surveys(sandbox):
        name = f"{found.race}_{found.strategy}".replace("-", "_") + (
            "_warm" if found.start == "warm" else ""
        )
        note[f"{name}_orders"] = found.schedules
        for outcome in ("fresh", "empty", "stale", "impossible"):
            note[f"{name}_{outcome}"] = found.outcomes[outcome]
        note[f"{name}_old_answers"] = found.old_answers
    all_of_them = surveys(sandbox)
    note["ms_per_order"] = round(
        1000
        * sum(found.took_s for found in all_of_them)
        / sum(len(found.played) for found in all_of_them),
        2,
    )
    for strategy, race in ((WRITE_THROUGH, "two-writers"), (CACHE_ASIDE, "reader-writer")):
        stale = next(
            (
                found.stale
                for found in all_of_them
                if found.strategy == strategy and found.race == race
            ),
            [],
        )
        sandbox.set("race", race)
        sandbox.set("strategy", strategy)
        if stale:
            again = play(sandbox, stale[0].schedule)
            note[f"replayed_{strategy.replace('-', '_')}_stale"] = float(again.outcome == "stale")


lab = Lab(
    id="write-through-race",
    title="Write-through race",
    question="In which order must things happen for the cache to lie?",
    about="Put the steps of a reader and writers in order, one at a time, on real servers. Find "
    "the orders that leave stale data, then a cure that survives them all.",
    minutes=30,
    parts=storefront.PARTS,
    topology=Topology(
        nodes=(
            Node("app", "Shop app", "app"),
            Node("cache", "cache", "redis", options={"scripts": True}),
            Node("database", "database", "postgres", about="products"),
        ),
        links=(Link("cache", "app", "cache"), Link("database", "app", "database")),
    ),
    controls=(
        Choice(
            "race",
            "Who races",
            tuple((name, words) for name, (words, _) in RACES.items()),
            "reader-writer",
            gear="view",
        ),
        Choice(
            "strategy",
            "Strategy",
            tuple((name, strategy.label) for name, strategy in STRATEGIES.items()),
            WRITE_THROUGH,
            gear="view",
        ),
        Choice(
            "start",
            "Cache at the start",
            (("empty", "empty"), ("warm", "holds it")),
            "empty",
            gear="view",
        ),
        Choice(
            "ttl_s",
            "Time to live",
            (("0", "none"), ("5", "5 s"), ("60", "60 s")),
            "60",
            gear="view",
        ),
        ORDER,
        storefront.clients(4),
        storefront.rate(400),
        Number(
            "write_percent",
            "Writes",
            0,
            100,
            1,
            50,
            unit="%",
            gear="load",
            help="Of 100 requests, so many change a price.",
        ),
        Number("load_items", "Items", 1, 100, 1, 3, gear="load", help="So few that writers meet."),
        storefront.skew(0.5),
    ),
    strategies=STRATEGIES,
    pick_strategy=lambda settings: str(settings["strategy"]),
    actions=(
        Action("play", "Play this order", "view", play_order, (ORDER,), primary=True),
        Action("run-all", "Run all orders", "view", run_all_orders),
        Action(
            "run-every-strategy",
            "Run them for every strategy",
            "view",
            run_all_strategies,
            here="Redis with Lua scripts, and row locks of Postgres.",
            aws="the same scripts on Redis OSS and Valkey nodes; Memcached runs none, it has "
            "gets and cas instead.",
        ),
    ),
    checks=CHECKS,
    charts=(
        Chart(
            "Stale reads, writes and errors", ("stale_reads_per_s", "writes_per_s", "errors_per_s")
        ),
        *storefront.CHARTS,
    ),
    tiles=(
        "stale_reads_per_s",
        "writes_per_s",
        "hit_rate_percent",
        "cache_p50_ms",
        "database_p50_ms",
        "items",
    ),
    tables=(SURVIVORS, PLAYED, ORDERS),
    predictions=(
        Prediction(
            "write-through-two-writers",
            "Write-through, two writers of the same item, the cache empty at first. Each "
            "writes, commits, stores: 20 orders. In how many does the cache end with the old "
            "price?",
            measure_write_through,
            unit="orders",
            unit_of_one="order",
            slack=1.0,
            why="The row lock leaves only the orders in which one commits before the other "
            "writes. Of those, the old one is left where the first to commit is the last to "
            "store.",
        ),
        Prediction(
            "cache-aside-share",
            "Cache-aside, a reader that misses and a writer that deletes after its commit. In "
            "what share of all orders does the cache end with the old price?",
            measure_cache_aside,
            unit="%",
            slack=5.0,
            tolerance=TOLERANCES.get("cache-aside-share", 0.0),
            why="The reader has to read before the commit and store after the delete. Under "
            "load such a window is seldom met; it is there all the same.",
        ),
        Prediction(
            "compare-and-delete",
            "Readers store only what is newer than what is stored; writers delete. Does that "
            "survive every order of a reader and a writer?",
            measure_compare_and_delete,
            options=(
                ("survives", "Yes, nothing old is ever stored"),
                ("stale", "No, some order ends stale"),
            ),
            why="After the delete nothing is there to compare with, so the old one is newer "
            "than nothing.",
        ),
        Prediction(
            "eviction",
            "While a reader and a writer race, the cache evicts the item. Which of the two "
            "cures survives every order?",
            measure_eviction,
            options=(
                ("compare-and-set", "Compare-and-set on both sides"),
                ("lease", "The lease"),
                ("both", "Both"),
                ("neither", "Neither"),
            ),
            why="An eviction takes away the version that compare-and-set compares with. The "
            "token of a lease was revoked, and stays so.",
        ),
    ),
    mutants=WRONG,
    on_prepare=plan,
    on_setting=changed,
    run_reference=reference,
)
