"""Labs hosts that serve in a thread of the tests."""

import contextlib
import threading

from redis import Redis

from labs.client import LabsClient
from labs.host.host import LabsHost
from labs.host.record import Limits
from tests.waiting import eventually


@contextlib.contextmanager
def emptied_redis(url, timeout_s=5):
    """A client of a Redis, which holds nothing."""
    client = Redis.from_url(url, decode_responses=True, protocol=2, socket_timeout=timeout_s)
    client.flushall()
    yield client
    client.close()


@contextlib.contextmanager
def serving(redis, directory, *, isolation="fake", **limits):
    """A labs host and its client."""
    host = LabsHost(redis, directory, isolation=isolation, pool=0, limits=Limits(**limits))
    thread = threading.Thread(target=host.serve)
    thread.start()
    client = LabsClient(redis)
    try:
        eventually(client.hosts)
        yield host, client
    finally:
        host.stop()
        thread.join(timeout=10)
        assert not thread.is_alive()


def opened(client, owner="somebody"):
    """The id of an open sandbox."""
    sandbox = client.open("cache-aside", owner=owner).id
    eventually(lambda: client.info(sandbox).status == "open")
    return sandbox
