"""What the checks of the lab rbac must catch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from labs.catalogue.rbac import checks
from labs.lab import Check, Mutant, about_of
from labs.lab.check import name_of
from labs.sandbox.context import Context
from labs.setups.access.users import Users, UsersOfTheApp

Change = Callable[[list[str]], list[str]]


class ChangesRules(Users):
    """Gives users other rules than those that the page shows."""

    def __init__(self, context: Context, change: Change) -> None:
        super().__init__(context)
        self._change = change

    def _set_user(self, user: str, rules: list[str]) -> None:
        super()._set_user(user, self._change(rules))


def _changes_rules(caught_by: Check) -> Callable[[Change], Mutant]:
    """Makes a mutant of the function below it, which changes the rules of every user."""
    return lambda change: Mutant(
        name_of(change),
        about_of(change),
        caught_by,
        parts=(partial(ChangesRules, change=change), UsersOfTheApp),
    )


@_changes_rules(checks.least_privilege)
def opens_every_key(rules: list[str]) -> list[str]:
    """Key patterns are shown and not in force."""
    return [*rules, "allkeys"]


@_changes_rules(checks.least_privilege)
def allows_every_command(rules: list[str]) -> list[str]:
    """Commands are shown and not in force."""
    return [*rules, "allcommands"]


@_changes_rules(checks.nothing_at_first)
def begins_with_everything(rules: list[str]) -> list[str]:
    """A new user may do everything."""
    return rules if "on" in rules else ["on", "allkeys", "allcommands"]


@_changes_rules(checks.order_counts)
def sorts_the_rules(rules: list[str]) -> list[str]:
    """Rules are put into another order: what is taken away comes last."""
    return sorted(rules, key=lambda rule: rule.startswith("-"))


MUTANTS = (opens_every_key, allows_every_command, begins_with_everything, sorts_the_rules)
