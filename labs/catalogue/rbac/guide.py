"""The steps that lead a learner through the lab rbac."""

from labs.catalogue.rbac import checks
from labs.lab import Step
from labs.lab.guide import WATCH, predict, press

GUIDE = (
    Step(
        "Try the application’s user without any rule.",
        press("grant", user="app", string="off"),
        "A user is off until a rule says on, so Redis refused its login.",
        until=checks.nothing_at_first,
    ),
    Step(
        "Give it every key.",
        press("grant", user="app", string="on ~* +get +set +incr"),
        "The application works, and reads the keys of billing as well.",
        until=checks.too_wide,
    ),
    Step(
        "Guess how many names Redis shows to a user.",
        predict("keys-listed"),
        "The rule +@read came last and gave KEYS back, and the pattern hid no name.",
    ),
    Step(
        "Take the dangerous commands first, then give what reads.",
        press("grant", user="app", string="on ~app:* -@dangerous +@read"),
        "KEYS is in both categories, and the last rule holds, so Redis allows KEYS.",
    ),
    Step(
        "Try the same rules in the other order.",
        press("grant", user="app", string="on ~app:* +@read -@dangerous"),
        "In this order the rules refuse KEYS.",
        until=checks.order_counts,
    ),
    Step(
        "Look at the column SCAN 0.",
        WATCH,
        "SCAN lists the names of all keys, because a pattern protects values and not names.",
        until=checks.names_are_seen,
    ),
    Step(
        "Give the application what it needs, and no more.",
        press("grant", user="app", string="on ~app:* -@all +get +set +incr"),
        "Its three commands are answered on its own keys, and all others refused.",
        until=checks.least_privilege,
    ),
)
