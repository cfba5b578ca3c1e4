"""What a learner types into the console of Memcached, as requests: line by line, as a session of
the text protocol goes.

Memcached has no users, so this is the wall: each line is parsed, and built again from its parts.
What follows a storage command is sent only after a line that the server surely takes, for it takes
what follows any other line for commands.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from labs.errors import BadInput, CommandRefused
from labs.sandbox.console import COMMAND_LIMIT

STORE = ("set", "add", "replace", "append", "prepend", "cas")
OTHERS = tuple(
    "get gets gat gats delete incr decr touch mg md ma me mn stats version verbosity flush_all "
    "cache_memlimit slabs lru lru_crawler".split()
)
VERBS = (*STORE, "ms", *OTHERS)
_REFUSED = {
    "watch": "it would print without an end, and this console takes one answer at a time",
    "shutdown": "it would end the server, which the bench has a button for",
    "quit": "this console opens a connection for each command",
    **dict.fromkeys(
        ("debugtime", "misbehave", "extstore", "refresh_certs"),
        "it is for Memcached's own tests or for parts that this server does not have",
    ),
}
LONGEST_LINE = 2_048
LONGEST_KEY = 250
LARGEST_ITEM = 1024 * 1024
"""An item has less: the server refuses it, after it has read the value."""
MOST_SENT = 4 * LARGEST_ITEM
A_MONTH_S = 60 * 60 * 24 * 30
_NO_COMMAND = b"no-such-command"
_SMALL = re.compile(rb"\d{1,10}")
_SIGNED = re.compile(rb"-?\d{1,10}")
# The server reads a sign that it does not need.
_PLUS = re.compile(rb"^\+(\d+)$")
_INTEGER = re.compile(rb"-?\d+")
_ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|([\\"\'nrtabf0])|(.?))', re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for a command. A `head` is a storage command that the server refuses: nothing
    may follow it. The notice is a sentence for the learner.
    """

    verb: str
    data: bytes
    head: bool = False
    notice: str = ""

    @property
    def lists(self) -> bool:
        """True for the command whose answer takes the connection away, up to its END."""
        return self.data.startswith(b"lru_crawler metadump ")


class _Waiting:
    """A storage command whose value has not been typed as a whole."""

    def __init__(self, head: tuple[bytes, ...], size: int, notice: str) -> None:
        self.head, self.size, self.notice = head, size, notice
        self.lines: list[str] = []
        self._bytes = 0
        self._unescaped: int | None = 0

    @property
    def missing(self) -> int:
        """How many bytes are still to be typed, if they stand for themselves."""
        return max(1, self.size - self._lengths()[0])

    def take(self, line: str) -> list[int]:
        """Add a line; the lengths that the value can have now, as `_readings` has the values.

        Counted line by line, for there may be as many lines as a value has bytes.
        """
        text = _encoded(line)
        self.lines.append(line)
        self._bytes += len(text)
        if self._unescaped is not None:
            unescaped = _unescaped(text)
            self._unescaped = None if unescaped is None else self._unescaped + len(unescaped)
        return self._lengths()

    def _lengths(self) -> list[int]:
        ends = max(0, len(self.lines) - 1)
        found = [self._bytes + ends]
        if ends:
            found.append(self._bytes + 2 * ends)
        if self._unescaped is not None and self._unescaped != self._bytes:
            found.append(self._unescaped + ends)
        return found


class Lines:
    """The lines of one console, one after the other. Not for several threads."""

    def __init__(self) -> None:
        self._waiting: _Waiting | None = None

    @property
    def missing(self) -> int:
        """How many bytes of a value are still to be typed; 0 if no command waits for one."""
        return 0 if self._waiting is None else self._waiting.missing

    @property
    def waits_for_nothing(self) -> bool:
        """True if a command waits for a value without bytes, which is an empty line."""
        return self._waiting is not None and self._waiting.size == 0

    def forget(self) -> None:
        """No command waits for its value any more."""
        self._waiting = None

    def take(self, line: str) -> Request | None:
        """What is sent for this line; None if it begins a value or is a part of one.

        BadInput and CommandRefused say why it is not sent, and what would be right.
        """
        if self._waiting is not None:
            return self._value(self._waiting, line)
        if not line.strip(" "):
            return Request("", _NO_COMMAND + b"\r\n")
        text = _encoded(line).lstrip(b" ")
        words = [word for word in text.split(b" ") if word]
        verb = words[0].decode(errors="replace")
        if verb in _REFUSED:
            raise CommandRefused(f"{verb} is not run in this console: {_REFUSED[verb]}.")
        if verb in STORE and len(words) > 5:
            _check(b" ".join(words[:5]))
        else:
            _check(text)
        if verb in (*STORE, "ms"):
            words[2:6] = [_PLUS.sub(rb"\1", word) for word in words[2:6]]
        if verb in STORE:
            return self._storage(verb, words, text)
        if verb == "ms":
            return self._meta_set(words)
        return _other(verb, words)

    def _storage(self, verb: str, words: list[bytes], text: bytes) -> Request | None:
        fixed = 6 if verb == "cas" else 5
        if len(words) < fixed or (verb == "cas" and not words[4].isdigit()):
            return _head(verb, words)
        notice = "" if verb in ("append", "prepend") else about_exptime(words[3])
        counted = bool(_INTEGER.fullmatch(words[4])) and (
            verb != "cas" or bool(_INTEGER.fullmatch(words[5]))
        )
        if not counted:
            kept = 5 if verb == "cas" else 4
            value = _rest(text, kept)
            size = b"%d" % len(value)
            head = [*words[:4], size, *words[4:kept]]
            if not _is_taken(verb, head):
                return _head(verb, head)
            sent = f"Sent as {_shown(head)}, then the value."
            return _stored(verb, tuple(head), value, f"{sent} {notice}".strip())
        noreply = words[fixed:] == [b"noreply"]
        head = words[: fixed + noreply]
        if not _is_taken(verb, head):
            return _head(verb, head)
        if len(words) > fixed and not noreply:
            return self._fits(verb, tuple(head), _rest(text, fixed), notice)
        return self._wait(verb, head, int(words[4]), notice)

    def _meta_set(self, words: list[bytes]) -> Request | None:
        if len(words) < 3 or len(words[1]) > LONGEST_KEY or not words[2].isdigit():
            return _head("ms", words)
        notice = next((about_exptime(word[1:]) for word in words[3:] if word[:1] == b"T"), "")
        return self._wait("ms", words, int(words[2]), notice)

    def _wait(self, verb: str, head: list[bytes], size: int, notice: str) -> Request | None:
        if LARGEST_ITEM <= size <= MOST_SENT:
            filled = f"The server reads the {size:,} bytes first: the console sent zeros for them."
            return _stored(verb, tuple(head), b"0" * size, filled)
        if size > COMMAND_LIMIT:
            raise BadInput(
                f"A value in this console has {COMMAND_LIMIT:,} bytes at most.",
                hint=f"Memcached itself takes items of less than {LARGEST_ITEM:,} bytes.",
            )
        self._waiting = _Waiting(tuple(head), size, notice)
        return None

    def _value(self, waiting: _Waiting, line: str) -> Request | None:
        lengths, verb = waiting.take(line), waiting.head[0].decode()
        if waiting.size not in lengths and min(lengths) <= waiting.size:
            return None
        self._waiting = None
        readings = _readings(waiting.lines)
        for value, about in readings:
            if len(value) == waiting.size:
                return _stored(verb, waiting.head, value, f"{about} {waiting.notice}".strip())
        return _too_long(verb, waiting.head, readings[0][0], waiting.size)

    def _fits(self, verb: str, head: tuple[bytes, ...], value: bytes, notice: str) -> Request:
        """A value on the line of its command."""
        size = int(head[4])
        if len(value) == size:
            return _stored(verb, head, value, notice)
        if (escaped := _unescaped(value)) is not None and len(escaped) == size:
            return _stored(verb, head, escaped, f"{_ESCAPES_READ} {notice}".strip())
        if len(value) > size:
            return _too_long(verb, head, value, size)
        raise BadInput(
            f"The value has {len(value)} bytes, and the command says {size}.",
            hint="Type the command alone: Memcached then waits for the bytes on the next lines.",
        )


_ESCAPES_READ = "Each escape in the value, such as \\x00, is one byte."


def lines_of(text: str) -> list[str]:
    """The lines that a text has, whichever line end they were typed with."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def about_exptime(word: bytes, now: float | None = None) -> str:
    """What Memcached makes of an expiration time, where that is not the seconds that it says."""
    if not _SIGNED.fullmatch(word):
        return ""
    seconds, now = int(word), time.time() if now is None else now
    if seconds < 0:
        return "A negative exptime: the item expires at once."
    if seconds <= A_MONTH_S:
        return ""
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    sentence = f"An exptime above {A_MONTH_S:,} (30 days) is a Unix time: {moment}."
    return sentence + (" That is over, so the item expires at once." if seconds <= now else "")


def _check(text: bytes) -> None:
    if len(text) > LONGEST_LINE:
        raise BadInput(f"A command has {LONGEST_LINE:,} bytes at most.")
    if re.search(rb"[\x00-\x1f\x7f]", text):
        raise BadInput(
            "A command has no control characters.",
            hint="A value may have them: write one as \\x00, on the line after the command.",
        )


def _other(verb: str, words: list[bytes]) -> Request:
    line = b" ".join(words)
    if verb not in VERBS:
        if line == b"config get cluster":
            return Request(verb, line + b"\r\n")
        known = verb.lower() in VERBS
        notice = "Memcached's commands are in lower case." if known else ""
        if verb.lower() in ("help", "?"):
            notice = "Try stats, stats items, or get and mg with the name of a key."
        # A word that is no command, for this one may be a command of a later Memcached.
        return Request(verb, _NO_COMMAND + b"\r\n", notice=notice)
    if verb == "cache_memlimit" and not (
        re.fullmatch(rb"cache_memlimit \d{1,4}(?: noreply)?", line) and 8 <= int(words[1]) <= 64
    ):
        raise BadInput("cache_memlimit takes a number of megabytes from 8 to 64.")
    if verb == "verbosity" and len(words) > 1 and words[1] not in (b"0", b"1"):
        raise CommandRefused(
            "verbosity takes 0 or 1 in this console.",
            hint="Above 1 the server writes every command into its log.",
        )
    notice = ""
    if verb in ("gat", "gats") and len(words) > 1:
        notice = about_exptime(words[1])
    elif verb == "touch" and len(words) > 2:
        notice = about_exptime(words[2])
    elif verb in ("mg", "ma"):
        notice = next((about_exptime(word[1:]) for word in words[2:] if word[:1] == b"T"), "")
    return Request(verb, line + b"\r\n", notice=notice)


def _is_taken(verb: str, head: list[bytes]) -> bool:
    """True if every Memcached takes this line and then reads the value. BadInput for a number that
    some take with other bits than were typed.
    """
    _, key, flags, seconds, size, *more = head
    if len(key) > LONGEST_KEY or not size.isdigit():
        return False
    if not flags.isdigit() or not re.fullmatch(rb"-?\d+", seconds):
        return False
    if verb == "cas" and not (more[0].isdigit() and int(more[0][:25]) < 2**64):
        return False
    if not _SMALL.fullmatch(flags) or int(flags) >= 2**32:
        raise BadInput("The flags are a number from 0 to 4,294,967,295: they have 32 bits.")
    if not _SIGNED.fullmatch(seconds) or not -(2**31) <= int(seconds) < 2**31:
        raise BadInput(
            "The exptime is a number from -2,147,483,648 to 2,147,483,647: it has 32 bits.",
            hint="0 means that it never expires; up to 2,592,000 are seconds from now, more is a "
            "Unix time.",
        )
    if not _SMALL.fullmatch(size) or int(size) >= 2**31 - 2:
        raise BadInput("The number of bytes is at most 2,147,483,645.")
    return True


def _head(verb: str, words: list[bytes]) -> Request:
    line = b" ".join(words)
    _check(line)
    return Request(verb, line + b"\r\n", head=True)


def _stored(verb: str, head: tuple[bytes, ...], value: bytes, notice: str) -> Request:
    return Request(verb, b" ".join(head) + b"\r\n" + value + b"\r\n", notice=notice)


def _too_long(verb: str, head: tuple[bytes, ...], value: bytes, size: int) -> Request:
    """A value that is too long, up to where the server notices it: the rest would be a command."""
    sent = value[:size] + (value + b"\r\n")[size : size + 2]
    about = f"The value has {len(value)} bytes, and the command says {size}."
    return Request(verb, b" ".join(head) + b"\r\n" + sent, notice=about)


def _readings(lines: Sequence[str]) -> list[tuple[bytes, str]]:
    """The bytes that typed lines can mean, with what is to be said of each."""
    text = _encoded("\n".join(lines))
    found = [(text, "")]
    if len(lines) > 1:
        found.append((text.replace(b"\n", b"\r\n"), "Each line end in the value is two bytes."))
    if b"\\" in text and (escaped := _unescaped(text)) is not None:
        found.append((escaped, _ESCAPES_READ))
    return found


def _unescaped(text: bytes) -> bytes | None:
    """The bytes with each escape sequence as its byte; None if there is one that means none."""
    if any(match[3] is not None for match in _ESCAPE.finditer(text)):
        return None
    return _ESCAPE.sub(_byte, text)


def _byte(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes([int(match[1], 16)])
    return b"\0" if match[2] == b"0" else _LETTERS.get(match[2], match[2])


def _rest(text: bytes, words: int) -> bytes:
    """What follows the first words and one space."""
    match = re.match(rb"(?:\S+ +){%d}\S+ " % (words - 1), text)
    return text[match.end() :] if match else b""


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _shown(head: list[bytes]) -> str:
    return b" ".join(head).decode(errors="replace")
