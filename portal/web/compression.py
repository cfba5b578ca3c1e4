"""Answers of text leave compressed with gzip, where the browser takes that.

An event stream never does, nor an answer with a secret in it (`keep_plain`).
`docs/decisions/loading.md` says why gzip, why this level, and what an eavesdropper learns.
"""

from __future__ import annotations

import gzip
from functools import cache

from flask import Flask, Response, g, request
from isal import isal_zlib

LEVEL = 2
GZIP = 31
"""zlib's `wbits` for a body with gzip's own head and end."""
SMALLEST = 1_400
"""Bytes: a shorter body takes one packet either way."""
TEXT = frozenset(
    (
        *("text/html", "text/css", "text/javascript", "text/plain", "text/csv"),
        *("application/json", "image/svg+xml"),
    )
)


def install(app: Flask) -> None:
    """Compress what the views answer."""
    app.after_request(_compress)


def keep_plain() -> None:
    """Send the answer to this request as it is: its length must not depend on a secret in it."""
    g.is_plain = True


def packed_once(content: bytes, mimetype: str) -> bytes | None:
    """A file as small as gzip makes it, or None if it is better sent as it is. The work is done
    once for each content.
    """
    return _packed(content) if _is_worth_it(mimetype, len(content)) else None


def takes_gzip() -> bool:
    """True if the browser that asks takes gzip."""
    return request.accept_encodings.quality("gzip") > 0


def declare(response: Response, *, compressed: bool) -> None:
    """Say that this answer depends on the encodings that are taken, and which one it has.

    Its ETag is a weak one, since the same ETag stands for either body.
    """
    response.vary.add("Accept-Encoding")
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag is not None:
        response.set_etag(tag, weak=True)


@cache
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _is_worth_it(mimetype: str | None, length: int) -> bool:
    return mimetype in TEXT and length >= SMALLEST


def _compress(response: Response) -> Response:
    if response.is_streamed or "Content-Encoding" in response.headers or g.get("is_plain"):
        return response
    if response.status_code == 304 and response.mimetype in TEXT:
        declare(response, compressed=False)
    elif _is_worth_it(response.mimetype, response.calculate_content_length() or 0):
        compressed = takes_gzip()
        if compressed:
            response.set_data(isal_zlib.compress(response.get_data(), LEVEL, GZIP))
        declare(response, compressed=compressed)
    return response
