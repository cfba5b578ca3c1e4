"""The steps that lead a learner through the lab redis-auth."""

from labs.catalogue.redis_auth import checks
from labs.lab import Step
from labs.lab.guide import load, press

GUIDE = (
    Step(
        "Try to call Redis without a token.",
        press("call", login="none"),
        "The connection was accepted, and Redis refused the command.",
        until=checks.refused_without,
    ),
    Step(
        "Take the password away.",
        press("leave-open"),
        "The user default has no password, as on a cluster that was made without a token.",
    ),
    Step(
        "Try again without a token.",
        press("call", login="none"),
        "Redis answered, and would answer every caller: only the network protects it now.",
        until=checks.trap,
    ),
    Step(
        "Let Redis ask for the token again.",
        press("close-again"),
        "Redis refuses callers without a token again.",
    ),
    Step(
        "Try a wrong token.",
        press("call", login="wrong"),
        "Redis says the same for a wrong password and for a user that does not exist.",
        until=checks.refused_wrong,
    ),
    Step(
        "Try the application’s token.",
        press("call", login="own"),
        "One token opens everything: each client that has it is the user default.",
        until=checks.let_in,
    ),
    Step(
        "Log in to a Redis without TLS.",
        press("log-in-plainly"),
        "The bytes show the token as plain text, so a token needs TLS.",
        until=checks.on_the_wire,
    ),
    Step(
        "Try a token that is too short.",
        press("try-token", token="secret"),
        "A short token can be guessed, so the service refuses it.",
    ),
    Step(
        "Try a longer one.",
        press("try-token", token="correct-horse-battery"),
        "Letters, digits and a few special characters are allowed.",
        until=checks.token_rules,
    ),
    Step(
        "Start the load.",
        load("start"),
        "Clients count visits, and each connects again every half second with its token.",
    ),
    Step(
        "Add a second token: ROTATE.",
        press("rotate"),
        "Redis accepts both tokens now, and the clients notice nothing.",
        until=checks.both_valid,
    ),
    Step(
        "Keep only the newest token at once: SET.",
        press("set-newest"),
        "The clients still had the old token, and failed when they connected again.",
        until=checks.wrong_order,
    ),
    Step(
        "Repair it: give the application the newest token.",
        press("hand-over"),
        "The clients are let in again.",
    ),
    Step(
        "Add a third token: ROTATE.",
        press("rotate"),
        "Redis accepts the second and the third token now.",
    ),
    Step(
        "Give the application the newest token first.",
        press("hand-over"),
        "Each client uses it from its next connection on.",
    ),
    Step(
        "Keep only the newest token: SET.",
        press("set-newest"),
        "Every client had the new token, so no request failed, and the old one is refused.",
        until=checks.rotated,
    ),
)
