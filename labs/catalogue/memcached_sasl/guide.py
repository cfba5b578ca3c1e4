"""The steps that lead a learner through the lab memcached-sasl."""

from labs.catalogue.memcached_sasl import checks
from labs.lab import Step
from labs.lab.guide import press

GUIDE = (
    Step(
        "Ask with the text protocol, as most clients do.",
        press("ask-in-text"),
        "The server waited for a binary request, and the client for an answer.",
        until=checks.text_waits,
        how="It waits two seconds.",
    ),
    Step(
        "Ask with the binary protocol, without a login.",
        press("log-in", login="none"),
        "The server refused the command, because no login came before it.",
        until=checks.refused_without,
    ),
    Step(
        "Try a wrong password.",
        press("log-in", login="wrong"),
        "The server refused the login, and counted it.",
        until=checks.refused_wrong,
    ),
    Step(
        "Try the right password.",
        press("log-in", login="right"),
        "The server accepted the login, and PLAIN sent the password as plain text.",
        until=checks.let_in,
    ),
    Step(
        "Ask the Memcached without SASL.",
        press("ask-plain"),
        "It answered at once: on ElastiCache the network is what protects a Memcached.",
        until=checks.as_offered,
    ),
)
