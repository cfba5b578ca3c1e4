"""A session by hand on a real Memcached, and the same by its console: the same answers, and no
value that becomes a command.
"""

from __future__ import annotations

import contextlib
import re

from labs.errors import BadInput

KEY = "k" * 250

SESSION = [
    "version",
    "set a 0 0 1\nx",
    "set a 0 0 4\na  b",
    "get a",
    "set a 5 1893456000 1\nx",
    "get a",
    "set a 4294967295 2147483647 2\nxy",
    "gets a",
    "set gone 0 -1 1\nx",
    "get gone",
    "set empty 0 0 0\n",
    "get empty",
    "get a empty gone",
    "add a 0 0 1\nx",
    "add b 0 0 1\nx",
    "replace b 0 0 2\n10",
    "replace none 0 0 1\nx",
    "append b 0 0 1\n0",
    "prepend b 0 0 1\n1",
    "get b",
    "incr b 5",
    "decr b 1",
    "decr b 18446744073709551615",
    "incr none 1",
    "incr a 1",
    "incr b -1",
    "incr b x",
    "cas b 0 0 1 1\nx",
    "cas none 0 0 1 1\nx",
    "touch b 100",
    "touch none 100",
    "touch b x",
    "gat 100 b",
    "gat 100 none",
    "gat x b",
    "delete b",
    "delete b",
    "delete b 1",
    f"set {KEY} 0 0 1\nx",
    f"get {KEY}",
    f"get {KEY}k",
    f"delete {KEY}k",
    f"set {KEY}k 0 0 1",
    "set a x 0 1",
    "set a 0 x 1",
    "set a 0 0 -1",
    "set a 0 0",
    "set a",
    "set",
    "cas a 0 0 1",
    "cas a 0 0 1 18446744073709551616",
    "set a 0 0 1 noreply\nz",
    "get a",
    "delete a noreply",
    "get a",
    "ms m 2 T0 F7\nab",
    "mg m s v f",
    "mg m",
    "mg none v",
    "mg m v q",
    "mg none v q",
    "ms m 2 MA\ncd",
    "mg m v",
    "ms n 2 !\nab",
    "ms n 2 T0 T0\nab",
    "ms n x",
    "ms n",
    "ma m",
    "ms count 1\n1",
    "ma count N0 D5 v",
    "md m q",
    "md m",
    "mn",
    "mg",
    "get é",
    "set é 0 0 2\né",
    "get é",
    "get",
    "foo",
    "stats foo",
    "stats reset",
    "verbosity",
    "verbosity 1",
    "verbosity 0 noreply",
    "cache_memlimit 16",
    "flush_all x",
    "flush_all 100",
    "flush_all 0 noreply",
    "flush_all",
    "get count",
    "lru_crawler metadump all",
    "lru_crawler",
    "slabs automove 0",
    "lru mode flat",
]


def test_it_answers_what_a_session_answers(memcached_console, memcached_session):
    """The same commands, one after the other, to the same server twice: by hand and by console."""
    answers = []
    for command in SESSION:
        by_hand = memcached_session(command).decode()
        answers.append((command, by_hand))
    memcached_session("flush_all")
    memcached_session("cache_memlimit 32")

    shown = [(command, memcached_console.run(command)) for command in SESSION]

    different = []
    for (command, by_hand), (_, answer) in zip(answers, shown, strict=True):
        lines = by_hand.removesuffix("\r\n").replace("\r\n", "\n")
        if "cas=" in lines or command.startswith("gets"):
            lines, got = lines.rpartition(" ")[0], answer.output.rpartition(" ")[0]
        else:
            got = answer.output
        if got != lines:
            different.append((command, lines, got))
    assert different == []
    failed = {command for command, answer in shown if answer.failed}
    assert failed == {
        command for command, by_hand in answers if by_hand.split(" ")[0].strip().endswith("ERROR")
    }


ODD_KEYS = ["k", "k" * 251, "k" * 1_900, "é" * 126, "-1", "0", "noreply"]
ODD_NUMBERS = ["0", "-1", "+1", "01", "x", "1x", "1.5", "1e3", "99999999999999999999", "9" * 400]


def odd_heads():
    """Storage commands with one part that is odd, whose value would be a command that shows."""
    size = str(len(VALUE))
    for verb in ("set", "add", "replace", "append", "prepend", "cas", "ms"):
        parts = {"key": "k", "flags": "0", "exptime": "0", "size": size}
        if verb == "cas":
            parts["cas"] = "1"
        if verb == "ms":
            parts = {"key": "k", "size": size, "more": "T0"}
        for name in parts:
            odd = ODD_KEYS if name == "key" else [*ODD_NUMBERS, size]
            if name in ("size", "cas"):  # what is no number there is the value itself
                odd = [number for number in odd if re.fullmatch(r"[+-]?\d+", number)]
            for value in odd:
                yield " ".join([verb, *(parts | {name: value}).values()])
        yield f"{verb} {' '.join(parts.values())} noreply"
        yield f"{verb} {' '.join(parts.values())} noreply noreply"
        yield f"{verb} {' '.join(parts.values())} b"
        yield f"{verb} {' '.join(list(parts.values())[:-1])}"


VALUE = "cache_memlimit 64"


def test_no_value_is_ever_taken_for_a_command(memcached_console, memcached_session):
    """Memcached takes what follows a line that it refuses for the next command: the value,
    there.
    """
    for head in odd_heads():
        for command in (f"{head}\n{VALUE}", f"{head} {VALUE}"):
            with contextlib.suppress(BadInput):
                memcached_console.run(command)
            memcached_console.close()  # a value that is still waited for
            limit = re.search(rb"maxbytes (\d+)", memcached_session("stats settings"))
            assert limit[1] == b"33554432", command
