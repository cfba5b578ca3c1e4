"""What a learner typed or pasted into a console: which characters a word processor put there, how
many commands it is, and which words of it the timeline repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUOTES = {**dict.fromkeys("“”„‟«»″＂", '"'), **dict.fromkeys("‘’‚‛′´＇", "'")}
_LOOKS_LIKE = {
    **_QUOTES,
    **dict.fromkeys("–−‐‑－", "-"),
    "—": "--",
    "；": ";",
    **dict.fromkeys("\u00a0\u202f\u2007\u2002\u2003\u2009\u3000", "a space"),
    **dict.fromkeys("\u200b\u2060\ufeff", "nothing"),
    **dict.fromkeys("\u2028\u2029\u0085", "a line end"),
}
_SQL = re.compile(
    r"\s*(?:select\s+(?!-?\d+\s*;?\s*$)|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|"
    r"(?:create|drop|alter)\s+(?:table|index|view|schema)\s|truncate\s|explain\s|"
    r"with\s+\w+\s+as\b|begin\s*;|commit\s*;)",
    re.IGNORECASE,
)
"""How a statement begins; SELECT with a number alone is a command of Redis."""
_QUOTE = re.compile("[" + "".join(_QUOTES) + "]")
_SPOKEN = {
    **dict.fromkeys("\u00a0\u202f\u2007", "a non-breaking space"),
    **dict.fromkeys("\u2002\u2003\u2009\u3000", "a space of another width"),
    **dict.fromkeys("\u200b\u2060\ufeff", "a mark that is not seen"),
    **dict.fromkeys("\u2028\u2029\u0085", "a line separator"),
}
"""What can't be told from another character, or from none, has a name."""
_FOREIGN = re.compile("[" + "".join(_LOOKS_LIKE) + "]")
_NO_LINE_END = re.compile("[\u2028\u2029\u0085\v\f]")
"""What an editor shows as a line end, and Postgres does not take for one."""
# Where SQL begins to take characters literally: comments, texts, names in quotes.
_SQL_LITERAL = re.compile(r"--|/\*|\$(?:[^\W\d]\w*)?\$|(?<!\w)[eE]'|['\"]")
_IN_ESCAPED_TEXT = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# What stands before a password: in Redis as redis-cli knows it, which keeps such a line out of its
# history; in SQL the word itself.
_BEFORE_A_PASSWORD = re.compile(
    r"""\s*['"]?(?:
        auth | acl['"]?\s+['"]?setuser | (?:hello|migrate)\b.*?\bauth2?
        | (?:alter|create)\s+(?:role|user)\b.*?\bpassword
        | config['"]?\s+['"]?set\b.*?(?:requirepass|masterauth|-pass)
    )\b['"]?(?=\s+\S)
    | .*?\bpassword(?:\s*=\s*|\s+)(?=['"$]|[eu]&?')
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def without_passwords(command: str) -> str:
    """The command as everyone may read it who watches: what may be a password is left out."""
    found = _BEFORE_A_PASSWORD.match(command)
    return f"{found[0].rstrip()} …" if found is not None else command


def looks_like_sql(command: str) -> bool:
    """True if the command begins as a statement of SQL does."""
    return _SQL.match(command) is not None


def foreign(command: str) -> str:
    """A sentence about characters that a word processor puts in the place of others; empty if
    there are none.
    """
    found = _FOREIGN.findall(command)
    if not found:
        return ""
    pairs = dict.fromkeys(f"{_SPOKEN.get(each, each)} for {_LOOKS_LIKE[each]}" for each in found)
    return f"The command has characters of a word processor: {', '.join(pairs)}."


def quote_as_letter(command: str) -> str:
    """A sentence about a quote of a word processor in a command that ran; empty if there is none.
    Other characters of it are as good as any in a value.
    """
    if not (found := _QUOTE.search(command)):
        return ""
    return (
        f"The command holds a typographic quote ({found[0]}). To the server it is a letter like "
        "any other: a quote is \" or '."
    )


def foreign_in_sql(statement: str) -> str:
    """The sentence of `foreign` about what stands outside of texts and comments: it would become
    part of a name there.
    """
    code, at = [], 0
    for _, start, end in _literals(statement):
        code.append(statement[at:start])
        at = end
    return foreign(" ".join([*code, statement[at:]]))


def swallowed(statement: str) -> bool:
    """True if a comment of SQL goes on behind what looks like the end of its line."""
    return any(
        opened == "--" and _NO_LINE_END.search(statement[start:end].rstrip())
        for opened, start, end in _literals(statement)
    )


def as_lines(command: str) -> list[str]:
    """The commands of several lines, one each. A line end inside of quotes ends no command."""
    pieces, start, quote, escaped = [], 0, "", False
    for at, character in enumerate(command):
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "\n":
            pieces.append(command[start:at])
            start = at + 1
    return [piece for piece in (*pieces, command[start:]) if piece.strip()] or [command]


def _literals(statement: str) -> Iterator[tuple[str, int, int]]:
    """What Postgres takes literally: how it begins, where, and where it ends."""
    at = 0
    while (found := _SQL_LITERAL.search(statement, at)) is not None:
        at = _end_of_literal(statement, found[0], found.end())
        yield found[0], found.start(), at


def _end_of_literal(statement: str, opened: str, at: int) -> int:
    """Where what begins so ends; at the end of the statement if nothing ends it."""
    if opened == "/*":
        depth = 1
        for edge in _COMMENT_EDGE.finditer(statement, at):
            depth += 1 if edge[0] == "/*" else -1
            if depth == 0:
                return edge.end()
        return len(statement)
    if opened in ("e'", "E'"):
        escaped = _IN_ESCAPED_TEXT.match(statement, at)
        return escaped.end() if escaped is not None else len(statement)
    ends = "\n" if opened == "--" else opened
    end = statement.find(ends, at)
    return end + len(ends) if end >= 0 else len(statement)
