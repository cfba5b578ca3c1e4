"""RBAC: users with access strings; what each may do is found by trying."""

from __future__ import annotations

from labs.catalogue.rbac import checks, guide, mutants
from labs.lab import Choice, Lab, Node, Text, Topology
from labs.sandbox.experiment import make_ready, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import bench, users
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.users import JOB, OTHER, USERS, Users, UsersOfTheApp

USER = Choice("user", "User", tuple((name, name) for name in USERS), "app")
STRING = Text(
    "string",
    "Access string",
    ".*",
    "Rules with a space between them.",
    "on ~app:* +get +set +incr",
)
LEAST = "on ~app:* -@all +get +set +incr"

lab = Lab(
    id="rbac",
    title="RBAC: users and access strings",
    question="What may this user do, and what did you not mean to allow?",
    about="Redis with users. Write an access string, and see every command tried with it.",
    minutes=20,
    topology=Topology(
        nodes=(
            Node(APP, "Application", "app", about="the user app"),
            Node(SERVER, "Redis", "redis", about="TLS, and users"),
        ),
        links=(bench.LINK,),
    ),
    parts=(Users, UsersOfTheApp),
    controls=bench.controls(keep_s=0.5),
    gears=("step", "load", "break"),
    charts=bench.CHARTS,
    tiles=bench.TILES,
    tables=(users.TABLE,),
    checks=(
        checks.nothing_at_first,
        checks.too_wide,
        checks.order_counts,
        checks.names_are_seen,
        checks.least_privilege,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action(
    "Grant and try",
    gear="step",
    fields=(USER, STRING),
    primary=True,
    here="an access string has on or off, keys (~app:*), categories (+@read), commands (+get). It "
    "goes to ACL SETUSER, with a password that the page never shows.",
    aws="ModifyUser with AccessString; the user belongs to a user group of the cache. Without on "
    "or off a new user is off.",
)
def grant(sandbox: Sandbox, user: str, string: str) -> str:
    tried = sandbox.part(Users).grant(user, string)
    own, others = len(tried.allowed(JOB)), tried.allowed(OTHER)
    return sandbox.caption(
        f"Redis answered {own} of the {len(JOB)} commands that the application needs.",
        f"Of {len(OTHER)} others it answered: {', '.join(others) or 'none'}.",
    )


@lab.prediction(
    "A user has the access string “on ~app:* -@dangerous +@read”. KEYS is a dangerous command that "
    "reads. How many of the three keys does KEYS * list for this user?",
    unit="keys",
    unit_of_one="key",
    why="All three: +@read comes last and gives KEYS back, and a key pattern hides no names.",
)
def keys_listed(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    grant(sandbox, "report", "on ~app:* -@dangerous +@read")
    answer = sandbox.ledger.seen(users.Tried)[-1].of(checks.KEYS)
    return float(answer.answer.count(":")) if answer.ended == "answered" else 0.0


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """A user with no rule, with ones that are too wide, in two orders, and with the least."""
    for string in (
        "off",
        "on ~* +get +set +incr",
        "on ~app:* -@dangerous +@read",
        "on ~app:* +@read -@dangerous",
    ):
        grant(sandbox, "app", string)
        tried = sandbox.ledger.seen(users.Tried)[-1]
        if string.startswith("on ~*"):
            sandbox.measurements["too_wide_allows"] = float(len(tried.allowed(OTHER)))
    until_met(sandbox, checks.least_privilege, lambda _: grant(sandbox, "app", LEAST))
