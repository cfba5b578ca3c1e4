"""What the checks of the lab network-isolation must catch."""

from __future__ import annotations

from labs.catalogue.network_isolation import checks
from labs.lab import mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.bench import SERVER
from labs.setups.access.calls import redis_of
from labs.setups.access.gate import Gate


@mutant(checks.other_port)
def ignores_the_port(sandbox: Sandbox) -> None:
    """A rule lets its group in to every port."""
    gate = sandbox.part(Gate)
    gate.covers = lambda rule, source: rule.group == gate.groups[source]


@mutant(checks.stranger_waits)
def ignores_the_group(sandbox: Sandbox) -> None:
    """A rule lets in everybody."""
    sandbox.part(Gate).covers = lambda rule, _source: rule.port == 6379


@mutant(checks.closed_by_default)
def refuses(sandbox: Sandbox) -> None:
    """Whom no rule lets in is refused at once."""
    gate = sandbox.part(Gate)
    gate.behind = ()
    gate.apply()


@mutant(checks.existing_go_on)
def ends_what_exists(sandbox: Sandbox) -> None:
    """A rule that goes takes the connections with it."""
    links = [link.name for link in sandbox.topology.links_to(SERVER)]
    sandbox.part(Gate).on_removed = lambda: sandbox.network.drop(*links)


@mutant(checks.not_a_login)
def needs_no_password(sandbox: Sandbox) -> None:
    """Who gets through may do everything."""
    everything = "on nopass ~* &* +@all".split()
    redis_of(sandbox).run("ACL", "SETUSER", "default", *everything)


MUTANTS = (ignores_the_port, ignores_the_group, refuses, ends_what_exists, needs_no_password)
