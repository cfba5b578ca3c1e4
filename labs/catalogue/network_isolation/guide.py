"""The steps that lead a learner through the lab network-isolation."""

from labs.catalogue.network_isolation import checks
from labs.lab import Step
from labs.lab.guide import load, predict, press

GUIDE = (
    Step(
        "Let the application call Redis.",
        press("call", source="app", password="yes"),
        "No rule lets it in, so it got no answer, not even a refusal.",
        until=checks.closed_by_default,
        how="It waits two seconds.",
    ),
    Step(
        "Add a rule for the application’s group, with Memcached’s port.",
        press("add-rule", group="sg-app", port="11211"),
        "The rule names the right group, and a port on which Redis does not listen.",
    ),
    Step(
        "Let the application call again.",
        press("call", source="app", password="yes"),
        "A rule counts for its own port alone, so the call was dropped again.",
        until=checks.other_port,
    ),
    Step(
        "Add a rule for the application’s group and Redis’s port.",
        press("add-rule", group="sg-app", port="6379"),
        "The rule holds at once, for the next connection.",
    ),
    Step(
        "Let the application call a third time.",
        press("call", source="app", password="yes"),
        "Redis accepted the connection and answered.",
        until=checks.let_in,
    ),
    Step(
        "Guess how many connections of a stranger Redis counts.",
        predict("counted-of-a-stranger"),
        "Redis counted nothing, because the network dropped the stranger’s packets.",
        until=checks.stranger_waits,
    ),
    Step(
        "Let the bastion in, too.",
        press("add-rule", group="sg-bastion", port="6379"),
        "Two groups may connect now.",
    ),
    Step(
        "Let the bastion call without a password.",
        press("call", source="bastion", password="no"),
        "The rule let it in, and Redis itself refused: two controls, one after the other.",
        until=checks.not_a_login,
    ),
    Step(
        "Start the load.",
        load("start"),
        "The application’s clients connected, and each keeps its connection.",
    ),
    Step(
        "Remove the application’s rule while they are connected.",
        press("remove-rule", group="sg-app", port="6379"),
        "The clients that were connected went on, because a rule decides about new connections.",
    ),
    Step(
        "Let the application call once more.",
        press("call", source="app", password="yes"),
        "The new connection was dropped, and the old ones still work.",
        until=checks.existing_go_on,
    ),
)
