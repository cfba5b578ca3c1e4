"""What the checks of the lab redis-auth must catch."""

from __future__ import annotations

from functools import partial

from labs.catalogue.redis_auth import checks
from labs.catalogue.redis_auth.checks import PLAIN
from labs.lab import Mutant, mutant
from labs.sandbox.sandbox import Sandbox
from labs.setups.access.tap import DeafTaps, Taps
from labs.setups.access.tokens import TokenHolders, Tokens


class ForgetsTheOld(Tokens):
    """ROTATE that acts as SET does."""

    def apply(self) -> None:
        accepted, self.accepted = self.accepted, self.accepted[-1:]
        super().apply()
        self.accepted = accepted


class KeepsTheOld(Tokens):
    """SET that leaves the server as it is."""

    def apply(self) -> None:
        if len(self.made) == 1 or len(self.accepted) > 1:
            super().apply()


@mutant(checks.refused_without)
def asks_for_none(sandbox: Sandbox) -> None:
    """The default user needs no password."""
    tokens = sandbox.part(Tokens)
    tokens.is_open = True
    tokens.apply()
    tokens.is_open = False


_TAPS = partial(Taps, names=(PLAIN,))
MUTANTS = (
    asks_for_none,
    Mutant(
        "deaf-tap",
        "the tap misses what goes to the server",
        checks.on_the_wire,
        parts=(Tokens, TokenHolders, partial(DeafTaps, names=(PLAIN,))),
    ),
    Mutant(
        "forgets-the-old",
        "ROTATE takes the old token away at once",
        checks.both_valid,
        parts=(ForgetsTheOld, TokenHolders, _TAPS),
    ),
    Mutant(
        "keeps-the-old",
        "SET leaves the old token valid",
        checks.wrong_order,
        parts=(KeepsTheOld, TokenHolders, _TAPS),
    ),
)
