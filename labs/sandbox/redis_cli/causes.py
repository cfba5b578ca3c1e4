"""Why there was no answer, and what an error means here: one sentence for each cause."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Literal

from labs.clients.access import Access
from labs.clients.address import Address, straight
from labs.clients.resp import LoginRefused, NotResp, ReplyError, RespClient
from labs.clients.stream import CertificateRefused, TlsFailed
from labs.errors import ServerDown
from labs.sandbox.console import CONNECT_DEADLINE_S

Condition = Literal[
    "answers", "restarted", "busy", "loading", "silent", "unreachable", "down", "refuses"
]
"""Of a server, as a client finds it that connects now."""
SETTLES_S = 1.5
SCRIPTS = frozenset("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO EXEC".split())
"""Commands that may run a script, EXEC among them: the sandbox ends one that runs too long."""

_MEANINGS = {
    "NOPERM": "The server's access rules (ACL) do not let this console's user, learner, run this "
    "in this lab.",
    "READONLY": "This server is a replica: it takes writes from its primary alone. Run it in the "
    "primary's console.",
    "NOAUTH": "This server requires a user and a password, and this connection gave none.",
    "MISCONF": "The server could not save its data to disk, and refuses writes until it can "
    "(stop-writes-on-bgsave-error).",
    "OOM": "The server has reached maxmemory, and its eviction policy finds nothing to evict.",
    "LOADING": "The server reads its data from disk after a start, and answers when it has read "
    "all. Try again in a moment.",
    "BUSY": "A script runs in the server, which answers nothing else until it ends. The sandbox "
    "ends a script that runs for more than a few seconds.",
    "UNKILLABLE": "The script has written already, so it can't be stopped without losing half a "
    "change. The sandbox restarts the server.",
    "EXECABORT": "The server refused a command when it was queued, so it ran none of the "
    "transaction.",
    "NOREPLICAS": "The primary takes no writes while it has fewer replicas than "
    "min-replicas-to-write requires.",
    "MASTERDOWN": "This replica has lost its primary, and is set to answer no reads without it.",
    "MOVED": "This key belongs to another node of the cluster. A cluster client follows to the "
    "node that the error names; this console stays at its own server.",
    "ASK": "This key moves to another node at the moment. A cluster client asks the node that the "
    "error names; this console stays at its own server.",
    "CLUSTERDOWN": "The cluster takes no commands while a part of its slots has no node.",
    "CROSSSLOT": "The keys of one command must be in one slot of the cluster. Keys with the same "
    "text in braces, such as {user1}:name, are.",
}


def meaning_of(error: str) -> str:
    """What an error reply means in a sandbox; empty where the error says it itself."""
    if "killed by user with" in error:
        return "The script ran for longer than a sandbox allows, so the sandbox ended it."
    return _MEANINGS.get(error.split(" ", 1)[0], "")


def condition_of(address: Address, access: Access, *, connected_s: float) -> Condition:
    """How a server meets a client that connects now, and so long ago connected before."""
    client = RespClient(straight(address), access, timeout_s=CONNECT_DEADLINE_S)
    try:
        pong, about = client.pipeline([("PING",), ("INFO", "server")])
    except ConnectionRefusedError:
        return "down"
    except LoginRefused as exc:
        return _loading_or(str(exc), "refuses")
    except TimeoutError:
        # A kernel accepts connections also for a process that is stopped.
        return "silent" if client.connected_at else "unreachable"
    except OSError:
        return "down" if not client.connected_at else "refuses"
    finally:
        client.close()
    error = str(pong) if isinstance(pong, ReplyError) else ""
    if error.startswith("BUSY "):
        return "busy"
    is_younger = _uptime_s(about) + 1.0 <= connected_s  # it counts whole seconds
    return _loading_or(error, "restarted" if is_younger else "answers")


def _uptime_s(about: object) -> float:
    found = re.search(rb"uptime_in_seconds:(\d+)", about) if isinstance(about, bytes) else None
    return float(found[1]) if found else math.inf


def _loading_or(error: str, otherwise: Condition) -> Condition:
    return "loading" if error.startswith("LOADING ") else otherwise


def why_no_answer(
    name: str, waited_s: float, exc: OSError, condition: Callable[[], Condition]
) -> ServerDown:
    """The error for a command without an answer; raise it from `exc`.

    `condition` is called where the error alone does not say what the server does now.
    """
    if isinstance(exc, LoginRefused):
        sentence, hint = f"The server did not let this console in: {exc}.", ""
    elif isinstance(exc, CertificateRefused | TlsFailed | NotResp):
        sentence, hint = f"This console can't read the server's answers: {exc}.", ""
    elif isinstance(exc, ConnectionRefusedError):
        sentence, hint = _sentence(name, waited_s, exc, "down")
    elif isinstance(exc, TimeoutError):
        sentence, hint = _sentence(name, waited_s, exc, condition())
    else:
        sentence, hint = _sentence(name, waited_s, exc, _settled(condition))
    return ServerDown(sentence, hint=hint, detail=f"{type(exc).__name__}: {exc}")


def _settled(condition: Callable[[], Condition]) -> Condition:
    """The condition of a server that ended a connection: it may be started again at this moment."""
    end = time.monotonic() + SETTLES_S
    while (found := condition()) in ("down", "refuses") and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _sentence(name: str, waited_s: float, exc: OSError, now: Condition) -> tuple[str, str]:
    later = f"The server may still run {name}."
    match now:
        case "down":
            return "The server is down: its port refuses the connection.", "Restart it."
        case "unreachable":
            return (
                "The server can't be reached: no answer came even to the connection.",
                "A link to it may be cut: look at the drawing.",
            )
        case "silent":
            return (
                "The server accepts connections and answers none: it is paused, or one long "
                "command keeps it busy.",
                f"Look at the drawing: resume it if it is paused. {later}",
            )
        case "busy":
            return (
                "The server is busy with a script, and answers nothing else until the script ends.",
                "The sandbox ends a script that runs for more than a few seconds. Try again then.",
            )
        case "loading":
            return "The server reads its data from disk after a start.", "Try again in a moment."
        case "restarted":
            return (
                f"The server was ended while {name} ran, and was started again.",
                "The timeline says why. The sandbox itself restarts a server that a script keeps "
                "busy after it has written.",
            )
        case "refuses":
            return (
                "The server takes no new connection now.",
                "It may be starting, or have as many clients as it allows (maxclients).",
            )
    if isinstance(exc, TimeoutError):
        return (
            f"{name} took longer than the {waited_s:g} s that this console waits. The server is "
            "up and answers others.",
            f"{later} Ask for less at once: SCAN instead of KEYS, a range instead of all.",
        )
    return (
        f"The server closed this console's connection while {name} ran. It is up.",
        "It does so when an answer is larger than what it holds for one client "
        "(client-output-buffer-limit, maxmemory-clients). Ask for less at once.",
    )
