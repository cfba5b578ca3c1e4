"""A reply as redis-cli prints it on a terminal, and as it prints the few that it leaves raw."""

from __future__ import annotations

from collections.abc import Sequence

from labs.printable import visible_bytes
from labs.sandbox.console import OUTPUT_LIMIT
from labs.sandbox.redis_cli.quoting import quoted
from labs.sandbox.redis_cli.replies import Many, Reply, Text

_EMPTY = {"*": "(empty array)", "%": "(empty hash)", "~": "(empty set)", ">": "(empty push)"}
_AFTER_NUMBER = {"~": "~", "%": "#"}
_LIMIT = f"({OUTPUT_LIMIT // 1024} KiB a command)"


def printed(reply: Reply) -> str:
    """A reply in the standard format, without the line end after it."""
    return _standard(reply, "")


def printed_raw(reply: Reply) -> str:
    """A reply without quotes and numbers, as that to INFO."""
    if isinstance(reply, Many):
        texts = [printed_raw(item) for item in reply.items]
        if reply.mark == "%":
            texts = [f"{key} {value}" for key, value in zip(texts[::2], texts[1::2], strict=True)]
        return "\n".join(texts + _missing(reply))
    match reply.mark:
        case "_":
            return ""
        case "#":
            return _truth(reply)
    text = _text(reply.data).removesuffix("\n")
    return "\n".join([text, *_missing(reply)])


def is_raw(words: Sequence[bytes]) -> bool:
    """True for a command whose reply redis-cli prints raw."""
    match [word.lower() for word in words]:
        case [b"info" | b"lolwut", *_]:
            return True
        case [b"memory", b"malloc-stats" | b"doctor", *_] | [b"client", b"list" | b"info", *_]:
            return True
        case [b"cluster", b"nodes" | b"info"] | [b"latency", b"doctor"] | [b"latency", b"graph", _]:
            return True
    return False


def _standard(reply: Reply, prefix: str) -> str:
    if isinstance(reply, Many):
        return _numbered(reply, prefix) if reply.count else _EMPTY[reply.mark]
    return "".join([_value(reply), *(f" {line}" for line in _missing(reply))])


def _value(reply: Text) -> str:
    match reply.mark:
        case "$":
            return quoted(reply.data)
        case "_":
            return "(nil)"
        case "#":
            return _truth(reply)
    text = _text(reply.data)
    kind = {"-": "(error) ", ":": "(integer) ", ",": "(double) ", "(": "(big number) "}
    return kind.get(reply.mark, "") + text


def _numbered(reply: Many, prefix: str) -> str:
    is_map = reply.mark == "%"
    width = len(str(reply.count // 2 if is_map else reply.count))
    inner = prefix + " " * (width + 2)
    lines = []
    for number, at in enumerate(range(0, len(reply.items), 2 if is_map else 1), start=1):
        line = f"{number:>{width}}{_AFTER_NUMBER.get(reply.mark, ')')} "
        line += _standard(reply.items[at], inner)
        if is_map:
            value = reply.items[at + 1]
            line += " => " + (f"\n{inner}" if _takes_lines(value) else "") + _standard(value, inner)
        lines.append(line)
    return f"\n{prefix}".join(lines + _missing(reply))


def _takes_lines(reply: Reply) -> bool:
    """True where redis-cli begins the value of a map on a line of its own."""
    if not isinstance(reply, Many) or not reply.count:
        return False
    alone = 2 if reply.mark == "%" else 1
    return reply.count > alone or _takes_lines(reply.items[-1]) if reply.items else True


def _missing(reply: Reply) -> list[str]:
    """What is not shown of a reply, in words; nothing if all is."""
    if isinstance(reply, Text):
        missing, all_of_them, what = reply.length - len(reply.data), reply.length, "bytes"
    else:
        pair = 2 if reply.mark == "%" else 1
        missing, all_of_them = (reply.count - len(reply.items)) // pair, reply.count // pair
        what = "fields" if reply.mark == "%" else "elements"
    return [f"… {missing:,} more of {all_of_them:,} {what} not shown {_LIMIT}"] if missing else []


def _text(data: bytes) -> str:
    return visible_bytes(data.replace(b"\r\n", b"\n"))


def _truth(reply: Text) -> str:
    return "(true)" if reply.data == b"t" else "(false)"
