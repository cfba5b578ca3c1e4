"""Words and phrases that make a sentence hard for a tired reader, or one with English as a second
language, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

INSTEAD: Final = {
    r"nobody|no one|somebody|whoever": "name the actor",
    r"(is|are|was|were|be|been|being|isn't|never|not) told": "a machine receives",
    r"hears?|heard": "a machine receives",
    r"so many": "as many, or the number",
    r"anew": "again",
    r"beside": "next to",
    r"put (it |a number |them )?down": "write down",
    r"mind (that|the|where|how|what)": "note that",
    r"in place of": "instead of",
    r"shall": "should, must or will",
    r"time limits?": "timeout",
    r"look-ups?": "lookup",
    r"sign(s|ed|ing)?[ -]in|sign-ins?": "log in",
    r"as shipped": "by default",
    r"for good|for ever": "permanently",
    r"see to it|sees to it|seen to": "make sure",
    r"(of|on) your own accord|of its own accord": "by itself",
    r"in step gear|in load gear|in break gear|gears?": "Step, Load or Break mode",
    r"bends? the traffic": "say what the balancer does",
    r"lives? (on|off) (it|them)": "say what it needs",
    r"owes?|owed": "say what has to be sent",
    r"not (yet )?lived to see": "say when it was",
    r"by far the": "say by how much",
    r"alas|lest|hence|whence|thus": "a common word",
}
"""Regular expressions of whole words, in any case, each with what to write instead."""

_BANNED: Final = re.compile(
    "|".join(f"(?P<w{n}>\\b(?:{words})\\b)" for n, words in enumerate(INSTEAD)), re.IGNORECASE
)
_QUOTED: Final = re.compile(r"`[^`]*`|\]\([^)]*\)|\{\{.*?\}\}|\{\.[a-z]+\}")
"""Code, addresses and names: no words of ours."""


def banned(text: str) -> Iterator[tuple[str, str]]:
    """Each banned word or phrase of a text, with what to write instead."""
    for found in _BANNED.finditer(_QUOTED.sub(" ", text)):
        number = int((found.lastgroup or "w0").removeprefix("w"))
        yield found[0], list(INSTEAD.values())[number]
