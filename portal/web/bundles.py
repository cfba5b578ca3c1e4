"""Which style sheets a kind of page has. Each kind gets them as one file, `bundles/<kind>.css`, put
together when the app starts: a browser asks once, and waits once, before it paints.

A new sheet is a line here. Sheets of a view of some labs stay with the view. Comments are left out,
and no string in a sheet may look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

SITE = (
    *("fonts", "tokens", "base", "meanings", "site", "course", "text", "forms", "notices"),
    "pages",
)
BENCH = (
    "bench",
    "guide",
    "end",
    "connection",
    "topology",
    "request",
    "readings",
    "record",
    "compact",
    "projector",
)
PLOT = "vendor/uPlot-1.6.32.min.css"
BUNDLES: Mapping[str, tuple[str, ...]] = {
    "site": SITE,
    "start": (*SITE, "start"),
    "glossary": (*SITE, "glossary"),
    "notes": (*SITE, "notes"),
    "you": (*SITE, "you"),
    "quiz": (*SITE, "end", "quiz"),
    "record": (*SITE, "record"),
    "flights": (*SITE, "readings", "recorder"),
    "bench": (*SITE, *BENCH, PLOT),
    "shop": (*SITE, *BENCH, PLOT, "shop"),
    "patterns": (*SITE, *BENCH, "recorder", "class", "start", "you", "patterns"),
}
COMMENT = re.compile(rb"/\*.*?\*/\n?", re.DOTALL)


def sheets(kind: str) -> tuple[str, ...]:
    """The files of this kind, in their order."""
    return tuple(name if name.endswith(".css") else f"css/{name}.css" for name in BUNDLES[kind])


def bundled(contents: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Each bundle with its name, from the contents of the files. KeyError names a missing one."""
    for kind in BUNDLES:
        text = b"\n".join(contents[name] for name in sheets(kind))
        yield f"bundles/{kind}.css", COMMENT.sub(b"", text)
