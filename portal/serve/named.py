"""A Postgres or a Redis that the operator names: looked at before anything is started, so that
nothing is made in one that isn't for Cacheground.
"""

from __future__ import annotations

import itertools

import psycopg
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal import migrations
from portal.serve.places import CannotServe

TIMEOUT_S = 3.0
LOOKED_AT = 5_000
OURS = (b"labs:", b"cache:")
KINDS = {"labs:hosts": b"hash", "labs:outcomes": b"stream"}


def look_at_postgres(url: str) -> None:
    """CannotServe if it can't be used, or holds what isn't ours."""
    try:
        migrations.current(url)
    except migrations.NotMigrated as exc:
        raise CannotServe(f"DATABASE_URL: {exc}") from exc
    except psycopg.Error as exc:
        raise CannotServe(
            f"The Postgres that DATABASE_URL names can't be used: {str(exc).strip()}\nStart or "
            "correct it, or unset DATABASE_URL to have one started here."
        ) from exc


def look_at_redis(url: str) -> str:
    """A sentence if other programs have keys there, else an empty one; CannotServe if it can't be
    used.
    """
    redis = Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        for key, kind in KINDS.items():
            if redis.type(key) not in (kind, b"none"):
                raise CannotServe(
                    f"REDIS_URL: the key {key} of this Redis is another program's. Name a Redis, "
                    "or a database of it such as /1, where Cacheground may have its keys."
                )
        some = itertools.islice(redis.scan_iter(count=500), LOOKED_AT)
        foreign = sum(not key.startswith(OURS) for key in some)
    except (RedisError, OSError) as exc:
        raise CannotServe(
            f"The Redis that REDIS_URL names can't be used: {exc}\nStart or correct it, or unset "
            "REDIS_URL to have one started here."
        ) from exc
    finally:
        redis.close()
    if not foreign:
        return ""
    return (
        "The Redis that REDIS_URL names has keys of other programs. Cacheground writes and deletes "
        "only keys that begin with labs: or cache:. If that Redis is full it may drop any key that "
        "has a lifetime, of either."
    )
