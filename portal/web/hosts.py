"""Requests for another name than the site's own are refused: a page of another site could have its
own name lead here, and would then be taken for a page from here.

Flask's own check takes no IPv6 address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from flask import Flask, current_app, request
from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import host_is_trusted

KEY = "CACHEGROUND_HOSTS"


def install(app: Flask, names: Collection[str]) -> None:
    """Answer to these names only; to any where there are none."""
    app.config[KEY] = tuple(names)
    app.before_request(_check)


def is_served(host: str, names: Collection[str]) -> bool:
    """True if a Host header names one of these, with any port."""
    if not names:
        return True
    if not host.startswith("["):
        return host_is_trusted(host, [name for name in names if not name.startswith("[")] or [""])
    address = _address(host[1:].partition("]")[0])
    ours = {_address(name.strip("[]")) for name in names}
    return host_is_trusted(host) and address is not None and address in ours


def _check() -> None:
    if not is_served(request.host, current_app.config[KEY]):
        raise SecurityError(f"Host {request.host!r} is not served.")


def _address(text: str) -> ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        return None
