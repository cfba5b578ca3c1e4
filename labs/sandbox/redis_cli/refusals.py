"""Commands that this console does not run, in words that say why and what to write instead."""

from __future__ import annotations

import math
from collections.abc import Sequence

from labs.errors import CommandRefused
from labs.sandbox.redis_cli.quoting import quoted

LONGEST_WAIT_S = 5
"""A command may wait for so long; the page waits for it."""

_LOCAL = "it is redis-cli's own command, and no server has it"
_LISTENS = "it would listen without an end, and this console takes one answer at a time"
_NO_SUBSCRIPTION = "this console has no subscription that it could end"
_CONNECTION = "it would log this console's own connection out"
_SERVICE = "ElastiCache refuses this too: the service does it for you, or a parameter group"
_ANSWERS = "it would change how connections answer"
_REFUSED = {
    **dict.fromkeys(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"), _LISTENS),
    **dict.fromkeys(("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"), _NO_SUBSCRIPTION),
    "MONITOR": "it would print without an end; the bench shows every command under “What was sent”",
    **dict.fromkeys("RESET AUTH QUIT".split(), _CONNECTION),
    **dict.fromkeys(
        "SHUTDOWN DEBUG MODULE CONFIG SAVE BGSAVE BGREWRITEAOF REPLICAOF SLAVEOF SYNC PSYNC "
        "MIGRATE".split(),
        _SERVICE,
    ),
    **dict.fromkeys("EXIT CLEAR CONNECT RESTART".split(), _LOCAL),
    **dict.fromkeys(("HELP", "?"), _LOCAL),
}
_TRY = (
    "Try INFO stats, KEYS *, or GET and TTL with the name of a key. COMMAND DOCS GET describes GET."
)
_HINTS = {
    **dict.fromkeys(
        ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"),
        "PUBSUB CHANNELS shows which channels have a listener.",
    ),
    **dict.fromkeys(("HELP", "?"), _TRY),
}
_REFUSED_SECOND = {
    **{("CLIENT", second): _ANSWERS for second in ("REPLY", "PAUSE", "KILL", "TRACKING")},
    ("SCRIPT", "DEBUG"): "a debugger needs a terminal",
}
_WAITS_AT_THE_END = {
    **dict.fromkeys("BLPOP BRPOP BRPOPLPUSH BLMOVE BZPOPMIN BZPOPMAX".split(), 1.0),
    **dict.fromkeys(("WAIT", "WAITAOF"), 0.001),
}
"""Commands whose last word is a timeout, and the seconds of its unit."""
_WAITS_AT_THE_START = {"BLMPOP": 1.0, "BZMPOP": 1.0}


def name_of(words: Sequence[bytes]) -> str:
    """The command's name in capitals."""
    return words[0].decode(errors="replace").upper()


def refuse(words: Sequence[bytes], *, queued: bool) -> None:
    """Raises CommandRefused for what is not run here. A command that is `queued` in a transaction
    never waits.
    """
    name = name_of(words)
    second = words[1].decode(errors="replace").upper() if len(words) > 1 else ""
    if why := _REFUSED.get(name):
        raise CommandRefused(
            f"{name} is not run in this console: {why}.", hint=_HINTS.get(name, "")
        )
    if why := _REFUSED_SECOND.get((name, second)):
        raise CommandRefused(f"{name} {second} is not run in this console: {why}.")
    if name == "HELLO" and any(word.upper() == b"AUTH" for word in words[2:]):
        raise CommandRefused(f"HELLO … AUTH is not run in this console: {_CONNECTION}.")
    if name.startswith(":"):
        raise CommandRefused(f"{name[:20]} is not run in this console: {_LOCAL}.")
    if len(words) > 1 and name.lstrip("+-").isdecimal():
        raise CommandRefused(
            "A number before a command repeats it in redis-cli. This console runs one command at "
            "a time.",
            hint="Leave the number out.",
        )
    if not queued and (waits_s(words) or 0.0) > LONGEST_WAIT_S:
        _refuse_wait(words, name)


def waits_s(words: Sequence[bytes]) -> float | None:
    """How long a command may wait for what others do, in seconds; infinity for one that waits for
    ever, None for one that does not wait.
    """
    if (found := _timeout(words)) is None:
        return None
    at, unit_s = found
    try:
        seconds = float(words[at]) * unit_s
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        return None  # the server says what is wrong with it
    return seconds or math.inf


def _timeout(words: Sequence[bytes]) -> tuple[int, float] | None:
    """Where a command has its timeout, and the seconds of its unit."""
    name = name_of(words)
    if name in _WAITS_AT_THE_END and len(words) > 2:
        return len(words) - 1, _WAITS_AT_THE_END[name]
    if name in _WAITS_AT_THE_START and len(words) > 1:
        return 1, _WAITS_AT_THE_START[name]
    if name in ("XREAD", "XREADGROUP"):
        at = 1 if name == "XREAD" else 4  # a group could be called BLOCK
        while at + 1 < len(words) and (option := words[at].upper()) != b"STREAMS":
            if option == b"BLOCK":
                return at + 1, 0.001
            at += 2 if option == b"COUNT" else 1
    return None


def _refuse_wait(words: Sequence[bytes], name: str) -> None:
    found = _timeout(words)
    assert found is not None
    at, unit_s = found
    shown = words[at].decode(errors="replace") + (" ms" if unit_s < 1 else " s")
    for_ever = waits_s(words) == math.inf
    how_long = "without an end" if for_ever else f"up to {shown}"
    shorter = [*words]
    shorter[at] = str(round(LONGEST_WAIT_S / unit_s)).encode()
    raise CommandRefused(
        f"{name} would wait {how_long}, and this console waits {LONGEST_WAIT_S} s at most. The "
        "server is up; the command was not sent.",
        hint=f"Write a shorter timeout: {line_of(shorter)}",
    )


def line_of(words: Sequence[bytes]) -> str:
    """The words as a line that can be run; quotes only where they are needed."""
    return " ".join(
        word.decode() if word and all(_is_plain(code) for code in word) else quoted(word)
        for word in words
    )


def _is_plain(code: int) -> bool:
    return 0x21 <= code < 0x7F and code not in b"\"'\\"
