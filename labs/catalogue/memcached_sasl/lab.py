"""SASL on Memcached: what a server of one's own can ask for, and what ElastiCache offers."""

from __future__ import annotations

from labs.catalogue.memcached_sasl import checks, guide, mutants
from labs.lab import Choice, Lab, Link, Node, Topology
from labs.sandbox.experiment import make_ready
from labs.sandbox.sandbox import Sandbox
from labs.setups.access import sasl, sasl_logins
from labs.setups.access.bench import APP
from labs.setups.access.sasl_logins import LOGINS, PLAIN, SASL, ask

LOGIN = Choice("login", "With", tuple(LOGINS.items()), "none")

lab = Lab(
    id="memcached-sasl",
    title="Memcached and SASL",
    question="Can Memcached ask for a password, and does ElastiCache’s?",
    about="A Memcached with SASL, as you can run it yourself, and one without, as ElastiCache "
    "offers it. Ask both, with and without a password.",
    minutes=10,
    topology=Topology(
        nodes=(
            Node(APP, "Application", "app", about="asks"),
            Node(SASL, "Memcached (SASL)", sasl.KIND, about="your own server"),
            Node(PLAIN, "Memcached", "memcached", about="as ElastiCache offers it"),
        ),
        links=(Link(SASL, APP, SASL), Link(PLAIN, APP, PLAIN)),
    ),
    gears=("step", "break"),
    tables=(sasl_logins.TABLE,),
    checks=(
        checks.text_waits,
        checks.refused_without,
        checks.refused_wrong,
        checks.let_in,
        checks.as_offered,
    ),
    guide=guide.GUIDE,
    mutants=mutants.MUTANTS,
)


@lab.action(
    "Log in and ask",
    gear="step",
    fields=(LOGIN,),
    primary=True,
    here="memcached -S, with the mechanism PLAIN and a client from the Python package index.",
    aws="we found no SASL: no parameter for it, and no user group for Memcached. A security group "
    "and TLS protect it.",
)
def log_in(sandbox: Sandbox, login: str) -> str:
    asked = ask(sandbox, SASL, "binary", login)
    return sandbox.caption(f"Memcached with SASL: {asked.ended}.", f"{asked.answer}.")


@lab.action("Ask with the text protocol", gear="step")
def ask_in_text(sandbox: Sandbox) -> str:
    asked = ask(sandbox, SASL, "text")
    return sandbox.caption(
        f"Memcached with SASL: {asked.ended} in {asked.took_ms / 1000:.1f} s.",
        "It waits for 24 bytes, the head of a binary request.",
    )


@lab.action("Ask the one without SASL", gear="step")
def ask_plain(sandbox: Sandbox) -> str:
    asked = ask(sandbox, PLAIN, "text")
    return sandbox.caption(f"Memcached: {asked.ended}.", f"{asked.answer}.")


@lab.prediction(
    "A client of the text protocol asks a Memcached with SASL for its version, and waits two "
    "seconds. How many lines does it get back?",
    unit="lines",
    unit_of_one="line",
    why="None, not even an error: the server takes the text for the beginning of a binary request.",
)
def lines_back(sandbox: Sandbox) -> float:
    make_ready(sandbox)
    return float(ask(sandbox, SASL, "text").is_answered)


@lab.reference
def reference(sandbox: Sandbox) -> None:
    """Text; no, wrong, right login; the server without SASL."""
    ask_in_text(sandbox)
    for login in LOGINS:
        log_in(sandbox, login)
    ask_plain(sandbox)
    waited = sandbox.ledger.seen(sasl_logins.Asked)[0]
    sandbox.measurements["text_client_waited_ms"] = waited.took_ms
