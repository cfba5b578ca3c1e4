"""The address of the portal's Postgres: checked before anything is started. Connects to nothing.

No message here has a part of the address in it: it may be a part of the password.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+|/[^\x00]*")
_FORM = "it is postgresql://user:password@host:5432/name"
_QUOTED = (
    "a user or password with one of the characters : / ? # [ ] @ % has them as %3A %2F %3F %23 "
    "%5B %5D %40 %25"
)
_CHOICES = {
    "sslmode": "disable, allow, prefer, require, verify-ca or verify-full",
    "target_session_attrs": "any, read-write, read-only, primary, standby or prefer-standby",
}


def check_database_url(raw: str) -> str:
    """The address as libpq reads it; ValueError says what is wrong and what would be right."""
    scheme, found, rest = raw.partition("://")
    if not found or scheme not in SCHEMES:
        if scheme.startswith(("postgresql+", "postgres+")):
            raise ValueError(
                "it names another driver than psycopg, the one that the portal has: write "
                "postgresql:// for its beginning"
            )
        raise ValueError(f"it does not begin with postgresql://; {_FORM}")
    url = f"postgresql://{rest}"
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError(
            "Postgres' own library can't read it: a % has two hexadecimal digits after it, an "
            "IPv6 address stands in brackets, what follows the question mark are options of "
            f"libpq, and {_QUOTED}"
        ) from None
    name = str(parts.get("dbname") or "")
    hosts = str(parts.get("host") or "").split(",")
    if "@" in name or "/" in name or not all(_HOST.fullmatch(host) for host in filter(None, hosts)):
        raise ValueError(f"it has a character in a wrong place: {_QUOTED}")
    for port in filter(None, str(parts.get("port") or "").split(",")):
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError("its port is none: a port is a number from 1 to 65535")
    if not name:
        raise ValueError(f"it names no database; {_FORM}")
    for option, words in _CHOICES.items():
        if str(parts.get(option) or "any") not in re.findall(r"[a-z-]+", f"any {words}"):
            raise ValueError(f"its {option} is none: there are {words}")
    for option in ("connect_timeout", "keepalives_idle", "keepalives_interval"):
        if not str(parts.get(option) or "0").isdecimal():
            raise ValueError(f"its {option} is none: that is a number of seconds")
    return url


def host_of(url: str) -> str:
    """Where the database is and what it is called, for a message: no user, no password."""
    parts = conninfo_to_dict(check_database_url(url))
    return f"{parts['dbname']} on {parts.get('host') or 'this machine'}"
