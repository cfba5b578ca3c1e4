"""Redis AUTH: one token for all, what it lets its holder do, and how it is replaced under load."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from labs.catalogue.redis_auth import checks, guide, mutants
from labs.catalogue.redis_auth.checks import PLAIN
from labs.lab import Choice, Lab, Link, Node, Text, Topology
from labs.sandbox.experiment import make_ready, refuted, temporarily, until_met
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import bench, calls, tokens
from labs.setups.access.bench import APP, SERVER
from labs.setups.access.tap import Taps
from labs.setups.access.tokens import LONGEST, SHORTEST, Rotation, TokenHolders, Tokens, name_of
from labs.setups.access.wire import TABLE as WIRE, times

KEEP_S = 0.5
SHOWN_TOKEN = "a-token-on-a-postcard"
"""Made for this lab, and shown: no secret of a sandbox."""
LOGINS: dict[tokens.Login, str] = {
    "none": "none",
    "wrong": "a wrong one",
    "own": "the application’s",
}
LOGIN = Choice("login", "Token", tuple(LOGINS.items()), "none")
CALLS = replace(calls.TABLE, shown=False)
TYPED = Text("token", "A token", ".*", "Any text.", help="It is checked here, and kept nowhere.")

lab = Lab(
    id="redis-auth",
    title="Redis AUTH",
    question="How do you replace a token while clients use it?",
    about="Redis with TLS and a token, and clients that connect again and again. Call without one, "
    "replace it under load, and do it in the wrong order.",
    minutes=20,
    topology=Topology(
        nodes=(
            Node(APP, "Application", "app", about="has a token"),
            Node(SERVER, "Redis", "redis", about="TLS, and a token"),
            Node(PLAIN, "Redis without TLS", "redis", about="your own, with requirepass"),
        ),
        links=(bench.LINK, Link(PLAIN, APP, PLAIN)),
    ),
    parts=(Tokens, TokenHolders, partial(Taps, names=(PLAIN,))),
    controls=bench.controls(keep_s=KEEP_S),
    gears=("step", "load", "break"),
    charts=bench.CHARTS,
    tiles=bench.TILES,
    tables=(CALLS, WIRE),
    checks=(
        checks.refused_without,
        checks.trap,
        checks.refused_wrong,
        checks.let_in,
        checks.on_the_wire,
        checks.token_rules,
        checks.both_valid,
        checks.wrong_order,
        checks.rotated,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action("Call Redis", gear="step", fields=(LOGIN,), primary=True)
def call(sandbox: Sandbox, login: tokens.Login) -> str:
    made = sandbox.part(Tokens).try_login(login)
    said = f"Redis answered {made.answer}." if made.is_answered else f"Redis refused: {made.answer}"
    return sandbox.caption(said, f"The token was {made.login}.")


@lab.action(
    "Log in without TLS",
    gear="step",
    here="a second Redis with requirepass and without TLS; a tap keeps a copy of what crosses the "
    "link. Its token is made for this lab.",
    aws="not possible: AUTH needs encryption in transit.",
)
def log_in_plainly(sandbox: Sandbox) -> str:
    seen = tokens.log_in_without_tls(sandbox, PLAIN, SHOWN_TOKEN)
    return sandbox.caption(
        f"Redis without TLS answered {seen.answer}.",
        f"The {seen.bytes_seen:,} bytes on the wire show the token "
        f"{times(seen.times_seen['tokens'])}.",
    )


@lab.action(
    "ROTATE: add a token",
    gear="step",
    here="a second password of the user default; of three tokens the oldest goes.",
    aws="ModifyReplicationGroup with AuthTokenUpdateStrategy ROTATE: the two newest tokens are "
    "valid. A cluster that had no token still lets in clients without one.",
)
def rotate(sandbox: Sandbox) -> str:
    both = sandbox.part(Tokens).rotate()
    return sandbox.caption(
        f"Redis accepts {both.older.login} and {both.newer.login} now.",
        "Nothing changes for clients that have the older one.",
    )


@lab.action("Give the application the newest token", gear="step")
def hand_over(sandbox: Sandbox) -> str:
    newest = name_of(sandbox.part(Tokens).hand_over())
    visitors = sandbox.part(TokenHolders)
    visitors.refresh()
    after = "A client uses it when it connects again; a connection that exists stays logged in."
    if visitors.all_connect_again():
        after = "All its clients have connected again."
    return sandbox.caption(f"The application has {newest}.", after)


@lab.action(
    "SET: only the newest token",
    gear="step",
    here="the user default keeps one password.",
    aws="AuthTokenUpdateStrategy SET: only the newest token is valid.",
)
def set_newest(sandbox: Sandbox) -> str:
    keep_s = float(sandbox.settings["keep_connections_s"])
    rotation = sandbox.part(Tokens).set_newest(keep_s)
    newest = sandbox.part(Tokens).in_force[0]
    if rotation is None:
        return sandbox.caption(f"Redis accepts {newest} alone.")
    return sandbox.caption(
        f"Redis accepts {newest} alone.",
        f"Of {rotation.done + rotation.failed:,} visits since the first step {rotation.failed:,} "
        "failed.",
    )


@lab.action("Check this token", gear="step", fields=(TYPED,))
def try_token(sandbox: Sandbox, token: str) -> str:
    tried = tokens.try_token(sandbox, token)
    return tried.problem or f"It has {tried.length} characters, and all of them are allowed."


@lab.action(
    "Take the password away",
    gear="break",
    fault=True,
    here="the user default gets nopass.",
    aws="a replication group that was made without AuthToken, and without a user group.",
)
def leave_open(sandbox: Sandbox) -> str:
    sandbox.part(Tokens).leave_open()
    return sandbox.caption("Redis asks for no token.", "Every caller that reaches it is let in.")


@lab.action("Ask for the token again", gear="break")
def close_again(sandbox: Sandbox) -> str:
    sandbox.part(Tokens).close_again()
    return sandbox.caption("Redis asks for a token again.")


@lab.prediction(
    "Clients connect again every half second. The token is replaced: ROTATE, then the application "
    "gets the new one, then SET. How many of their requests fail?",
    unit="requests",
    unit_of_one="request",
    why="None: from ROTATE to SET Redis accepts both tokens, and by SET every client has the new "
    "one.",
)
def failed_in_a_rotation(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    return float(_rotation(sandbox, in_order=True).failed)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Calls without, with a wrong and with the right token; a rotation in both orders; the trap."""
    for login in LOGINS:
        call(sandbox, login)
    for length in (SHORTEST - 1, SHORTEST, LONGEST):
        try_token(sandbox, "x" * length)
    log_in_plainly(sandbox)
    note = sandbox.measurements
    leave_open(sandbox)
    call(sandbox, "none")
    close_again(sandbox)
    if refuted(sandbox):
        return
    note["failed_out_of_order"] = float(_rotation(sandbox, in_order=False).failed)

    def in_order(_sandbox: Sandbox) -> None:
        note["failed_in_order"] = float(_rotation(sandbox, in_order=True).failed)

    if not refuted(sandbox):
        until_met(sandbox, checks.rotated, in_order)


def _rotation(sandbox: Sandbox, *, in_order: bool) -> Rotation:
    """Replace the token while the clients run, which end with it."""
    with temporarily(sandbox, keep_connections_s=KEEP_S):
        bench.load_until_visited(sandbox, checks.LEAST_VISITS)
        rotate(sandbox)
        if in_order:
            hand_over(sandbox)
        set_newest(sandbox)
        hand_over(sandbox)
        sandbox.stop_load()
    return sandbox.ledger.seen(Rotation)[-1]
