"""What the checks of the lab rbac must catch."""

from __future__ import annotations

from labs.catalogue.rbac import checks
from labs.lab import Check, Mutant
from labs.setups.access.users import Users, UsersOfTheApp


class OpensEveryKey(Users):
    """Forgets the patterns."""

    def _set_user(self, user: str, rules: list[str]) -> None:
        super()._set_user(user, [*rules, "allkeys"])


class AllowsEveryCommand(Users):
    """Forgets the commands."""

    def _set_user(self, user: str, rules: list[str]) -> None:
        super()._set_user(user, [*rules, "allcommands"])


class BeginsWithEverything(Users):
    """A new user may do everything."""

    def _set_user(self, user: str, rules: list[str]) -> None:
        super()._set_user(user, rules if "on" in rules else ["on", "allkeys", "allcommands"])


class SortsTheRules(Users):
    """Puts what is taken away after what is given."""

    def _set_user(self, user: str, rules: list[str]) -> None:
        super()._set_user(user, sorted(rules, key=lambda rule: rule.startswith("-")))


def _mutant(name: str, about: str, caught_by: Check, part: type[Users]) -> Mutant:
    return Mutant(name, about, caught_by, parts=(part, UsersOfTheApp))


MUTANTS = (
    _mutant(
        "opens-every-key",
        "key patterns are shown and not in force",
        checks.least_privilege,
        OpensEveryKey,
    ),
    _mutant(
        "allows-every-command",
        "commands are shown and not in force",
        checks.least_privilege,
        AllowsEveryCommand,
    ),
    _mutant(
        "begins-with-everything",
        "a new user may do everything",
        checks.nothing_at_first,
        BeginsWithEverything,
    ),
    _mutant(
        "sorts-the-rules",
        "rules are put into another order",
        checks.order_counts,
        SortsTheRules,
    ),
)
