"""Posts from other sites are refused. No tokens: the browser says where a request comes from.

`Sec-Fetch-Site` where it is sent. It isn't for plain-http hosts other than localhost (a class at
http://10.0.0.5:8000): there `Origin` is compared with `Host`. Neither header: no browser of today
sent it, or one that hides; refused.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, abort, request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask) -> None:
    """Check every request that may change something."""
    app.before_request(_check)


def _check() -> None:
    if request.method not in SAFE and not comes_from_here(
        request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin"), request.host
    ):
        abort(
            403,
            "This was sent from another site, or by a program that does not say from where. "
            "Reload the page and try again.",
        )


def comes_from_here(site: str | None, origin: str | None, host: str) -> bool:
    """True if the browser's own headers say that a page of this host sent the request."""
    if site is not None:
        return site in ("same-origin", "none")
    if not origin:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
