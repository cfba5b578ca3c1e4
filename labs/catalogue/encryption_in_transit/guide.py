"""The steps that lead a learner through the lab encryption-in-transit."""

from labs.catalogue.encryption_in_transit import checks
from labs.lab import Step
from labs.lab.guide import press

GUIDE = (
    Step(
        "Send a card number to Redis.",
        press("send", server="redis"),
        "Password and card number crossed the wire as they are: look at the right column.",
        until=checks.plain_is_read,
    ),
    Step(
        "Send it to Redis with TLS.",
        press("send", server="redis-tls"),
        "The same exchange, encrypted: after the handshake no word can be read.",
        until=checks.tls_is_not,
    ),
    Step(
        "Send it to Memcached.",
        press("send", server="memcached"),
        "Memcached asks for no password, so only the card number crossed.",
    ),
    Step(
        "Send it to Memcached with TLS.",
        press("send", server="memcached-tls"),
        "TLS hides the value here, too, although Memcached still asks for no password.",
        until=checks.memcached_too,
    ),
    Step(
        "Try a client without TLS on a Redis with TLS.",
        press("wrongly", kind="plain", engine="redis"),
        "The server expected a handshake, got a command, and closed the connection.",
        until=checks.plain_client,
    ),
    Step(
        "Try a client with TLS on a Redis without.",
        press("wrongly", kind="tls", engine="redis"),
        "Redis waits for the end of a command that never comes, and the client for an answer.",
        until=checks.hangs,
        how="It waits two seconds.",
    ),
    Step(
        "Try an authority that did not sign the certificate.",
        press("wrongly", kind="authority", engine="redis"),
        "The client refused, because another authority had signed the certificate.",
        until=checks.unknown_authority,
    ),
    Step(
        "Try a name that is not in the certificate.",
        press("wrongly", kind="name", engine="redis"),
        "The certificate is genuine, but for another server, so the client refused.",
        until=checks.other_name,
    ),
    Step(
        "Time the handshakes.",
        press("time"),
        "The handshake costs once for each connection, so keep connections open.",
        until=checks.cost,
    ),
)
