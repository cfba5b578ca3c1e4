"""The address of the portal's Redis: checked before anything is started. Connects to nothing.

No message here has a part of the address in it: it may be a part of the password.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.exceptions import RedisError

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._-]+)?")
_FORM = "it is redis://user:password@host:6379/0, rediss://… for TLS, or unix:///path/of/the/socket"
_QUOTED = (
    "a user or password with one of the characters : / ? # [ ] @ % has them as %3A %2F %3F %23 "
    "%5B %5D %40 %25"
)


def check_redis_url(raw: str) -> str:
    """The address itself; ValueError says what is wrong with it and what would be right."""
    scheme, found, _ = raw.partition("://")
    if not found or scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"it begins with none of redis://, rediss:// and unix://; {_FORM}")
    try:
        parts = urlsplit(raw)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            f"its host and port can't be read: a port is a number from 1 to 65535, an IPv6 address "
            f"stands in brackets, and {_QUOTED}"
        ) from None
    if parts.fragment or "@" in parts.path:
        raise ValueError(f"it has a character in a wrong place: {_QUOTED}")
    if scheme == "unix":
        if not unquote(parts.path).startswith("/"):
            raise ValueError("it names no socket: unix:///path/of/the/socket")
    elif port == 0 or not host or not _HOST.fullmatch(host):
        raise ValueError(f"it names no host that could be asked; {_FORM}, and {_QUOTED}")
    elif not re.fullmatch(r"/?|/\d{1,5}", parts.path):
        raise ValueError("its path names no database of a Redis: that is a number, such as /0")
    try:
        client = Redis.from_url(raw)
        client.connection_pool.make_connection()
    except (ValueError, TypeError, RedisError, OSError):
        raise ValueError(
            "what follows its question mark has an option that the client of Redis does not know, "
            "or a value that the option can't have"
        ) from None
    client.close()
    return raw
