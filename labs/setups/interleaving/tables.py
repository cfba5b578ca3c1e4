"""What the page shows of races: tables, their rows, and sentences. To a learner a schedule is an
order.
"""

from __future__ import annotations

from collections import Counter

from labs.events import Value
from labs.lab import Column, Strategy, Table
from labs.setups.interleaving.played import OUTCOMES, Played, Step
from labs.setups.interleaving.race import LETTERS, RACES, STARTS, plan
from labs.setups.interleaving.survey import DRAWS, LIMIT, SEED, Survey

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
        Column("meaning", "What it meant"),
    ),
    empty="Play an order.",
)

SCHEDULES = Table(
    "orders",
    "All orders of this race",
    (
        Column("number", "No."),
        Column("order", "Order"),
        Column("outcome", "Left in the cache"),
        Column("cached", "Cached version"),
        Column("committed", "Committed version"),
        Column("lasts", "For how long"),
        Column("old_answers", "Readers that got an old price", sense="stale"),
        Column("stands_for", "Orders"),
    ),
    empty=f"All orders are played where there are at most {LIMIT}. Three workers have thousands: "
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
            "A reader got an old price",
            help="Orders in which a read answered with less than was committed before it began.",
        ),
    ),
    empty="Each run of all orders adds a row.",
)


def step_rows(
    schedule: str, played: Played | None, strategy: Strategy, race: str
) -> list[dict[str, Value]]:
    """The steps of the schedule that is set: those that were taken with all that is known of them,
    the others by name.
    """
    taken = list(played.steps) if played else []
    done = Counter(step.letter for step in taken)
    left = {letter: names[done[letter] :] for letter, names in plan(strategy, race).items()}
    role_of = dict(zip(LETTERS, RACES[race][1], strict=False))
    wanted = list(schedule)[len(taken) :]
    rest = [letter for letter, names in left.items() for _ in names]
    over = played is not None and played.blocked is None
    rows = [_step_row(step) for step in taken]
    rows += [
        _step_row(
            Step(letter, role_of[letter], left[letter].pop(0)), note="left out" if over else ""
        )
        for letter in [*wanted, *rest]
        if left.get(letter)
    ]
    if played:
        rows.append(
            {"worker": "", "step": "end", "reply": sentence(played)[0], "meaning": played.outcome}
        )
    return rows


def schedule_rows(found: Survey) -> list[dict[str, Value]]:
    """The schedules of a survey, each in a row."""
    return [
        {
            "number": number,
            "order": played.schedule + ("…" if played.blocked else ""),
            "outcome": played.outcome,
            "cached": "" if played.cached is None else played.cached,
            "committed": played.committed or "",
            "lasts": _lasts(played),
            "old_answers": played.old_answers,
            "stands_for": stands_for,
        }
        for number, (played, stands_for) in enumerate(
            zip(found.played, found.stands_for, strict=True), start=1
        )
    ]


def survivor_row(found: Survey, label: str) -> dict[str, Value]:
    """A survey in one row; `label` is the strategy's."""
    return {
        "race": RACES[found.race][0],
        "strategy": label,
        "start": STARTS[found.start],
        "ttl": f"{found.ttl_s:g} s" if found.ttl_s else "none",
        "orders": found.schedules,
        **{name: found.outcomes[name] for name in OUTCOMES},
        "old_answers": found.old_answers,
        "verdict": verdict(found),
    }


def sentence(played: Played) -> tuple[str, str]:
    """How a schedule ended, as the sentence under the drawing, and the part that matters most."""
    committed = f"version {played.committed}"
    old = " Before the end a reader got an old price." if played.old_answers else ""
    if played.blocked is not None:
        strong = "This order is impossible"
        tail = (
            f"{played.blocked.letter} waits for the row lock of {played.blocked.by}, which has not "
            "committed. Postgres reports this, and the order was rolled back."
        )
    elif played.outcome == "stale":
        strong = f"Stale, {_lasts(played)}"
        tail = f"the cache holds version {played.cached}, the database has committed {committed}."
    elif played.outcome == "empty":
        strong = "The cache is empty"
        tail = f"the next reader asks the database, which has {committed}.{old}"
    else:
        strong = "Fresh"
        tail = f"cache and database both hold {committed}.{old}"
    return f"{strong}: {tail}", strong


def _lasts(played: Played) -> str:
    """For how long what is stale stays so, as the cache reports; which lock a step waited for."""
    if played.blocked:
        return f"{played.blocked.letter} waits for {played.blocked.by}"
    if played.outcome != "stale":
        return ""
    return "without end" if played.left_ms is None else f"for up to {played.left_ms / 1000:.0f} s"


def summary(found: Survey) -> str:
    """A survey in a sentence."""
    count = found.outcomes
    drawn = "" if found.whole else f" drawn with the seed {SEED}"
    parts = [f"{count[name]} {name}" for name in OUTCOMES if count[name]]
    return (
        f"{verdict(found).capitalize()}. {found.schedules} orders{drawn} of "
        f"{RACES[found.race][0]}: {', '.join(parts)}, in {found.took_s:.1f} s."
    )


def verdict(found: Survey) -> str:
    """What a survey makes of its strategy, in words."""
    stale = found.outcomes["stale"]
    bound = "every order" if found.whole else "every order of the sample"
    if not stale:
        return f"survives {bound}"
    if found.endless:
        return f"stale in {stale}, without end"
    return f"stale in {stale}, for at most {found.ttl_s:g} s"


def _step_row(step: Step, *, note: str = "") -> dict[str, Value]:
    """A row of the table `played`: what is not known of a step yet is empty."""
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
        "meaning": note or ("waits" if step.waited else step.meaning if step.command else ""),
    }
