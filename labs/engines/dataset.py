"""What a Redis holds, as one digest: every key, its type, its value and the moment of its end,
asked of the server itself.

Two servers with the same data have the same digest, whatever order their hash tables keep it in and
however they encode it; that is why it is not made of DUMPs. It is of one moment only if
no client writes meanwhile: a caller that must be sure takes it twice.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labs.clients.resp import Command
from labs.engines.redis import Redis
from labs.errors import ServerDown

AT_ONCE = 500
ANSWERS_S = 3.0
READS: dict[str, tuple[str | int, ...]] = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    "list": ("LRANGE", 0, -1),
    "stream": ("XRANGE", "-", "+"),
}
"""How each type is read; the key stands behind the first word."""
_IN_PAIRS, _WITHOUT_ORDER = frozenset({"hash", "zset"}), frozenset({"hash", "zset", "set"})


@dataclass(frozen=True, slots=True)
class Dataset:
    """The digest, how many keys there are, how many of them end some day, and how many there are of
    each type.
    """

    digest: str
    keys: int
    ending: int
    types: Mapping[str, int] = field(default_factory=dict)


def dataset(engine: Redis) -> Dataset:
    """What the server holds now. Raises ServerDown; also for a type that is not known here."""
    keys = engine.scan()
    whole, types, ending = hashlib.sha256(), Counter[str](), 0
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        facts = engine.run_all(
            [command for key in some for command in (("TYPE", key), ("PEXPIRETIME", key))],
            ANSWERS_S,
        )
        kinds, ends = [_text(fact) for fact in facts[::2]], facts[1::2]
        values = engine.run_all(
            [_read(kind, key) for kind, key in zip(kinds, some, strict=True)], ANSWERS_S
        )
        for key, kind, end, value in zip(some, kinds, ends, values, strict=True):
            if kind == "none":
                # It ended, or was deleted, since its name was read.
                continue
            if not isinstance(end, int) or isinstance(value, Exception):
                raise ServerDown(
                    f"The {engine.name} could not be read whole: "
                    f"{value if isinstance(value, Exception) else end}"
                )
            whole.update(
                _packed([key, kind.encode(), str(end).encode(), *_flat(_ordered(kind, value))])
            )
            types[kind] += 1
            ending += end > 0
    return Dataset(whole.hexdigest(), types.total(), ending, dict(types))


def _read(kind: str, key: bytes) -> Command:
    if kind == "none":
        return ("EXISTS", key)
    if kind not in READS:
        raise ServerDown(f"A key here has the type {kind!r}, which is not known.")
    first, *rest = READS[kind]
    return (first, key, *rest)


def _ordered(kind: str, value: object) -> object:
    if kind not in _WITHOUT_ORDER or not isinstance(value, list):
        return value
    return sorted(zip(value[::2], value[1::2], strict=True)) if kind in _IN_PAIRS else sorted(value)


def _flat(value: object) -> Iterable[bytes]:
    """The leaves of a reply in order, with the length of each list before it, so that no two
    replies become the same.
    """
    if isinstance(value, list | tuple):
        yield str(len(value)).encode()
        for part in value:
            yield from _flat(part)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


def _packed(parts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _text(reply: object) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
