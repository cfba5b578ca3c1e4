"""Sandboxes to attack: real ones in a cage and as plain processes, and a site without labs."""

import os

import pytest

from labs.headless import own_supervisor
from portal.app import create_app
from portal.migrations import migrate
from portal.settings import Settings

SECRETS = {
    "SECRET_KEY": "the cookies' key",
    "DATABASE_URL": "postgresql://portal:password@db/portal",
    "REDIS_URL": "redis://:password@cache/0",
    "AWS_SECRET_ACCESS_KEY": "somebody's",
}


class Opened:
    """A sandbox with real servers."""

    def __init__(self, supervisor, **settings):
        self.supervisor = supervisor
        self.id = supervisor.open("cache-aside", settings)

    def console(self, server, command):
        return self.supervisor.call(self.id, "console", server=server, command=command)

    @property
    def processes(self):
        """Every process but the monitor, which is the labs host's."""
        return self.supervisor.processes(self.id)[1:]

    @property
    def inside(self):
        """Those that a learner's commands may reach: not what holds the cage open."""
        return [
            process for process in self.processes if process.name() not in ("bwrap", "sleep", "sh")
        ]


@pytest.fixture(scope="session", params=("cage", "process"))
def supervisor(request):
    """Started where the portal's secrets are in the environment, as a careless operator might."""
    before = dict(os.environ)
    os.environ.update(SECRETS)
    kept, directory = own_supervisor(request.param)
    os.environ.clear()
    os.environ.update(before)
    kept.wait_ready()
    yield kept
    kept.close()
    directory.cleanup()


@pytest.fixture(scope="session")
def opened(supervisor):
    """A sandbox with Redis."""
    return Opened(supervisor)


@pytest.fixture(scope="session")
def neighbour(supervisor):
    """Another learner's, with Memcached."""
    return Opened(supervisor, engine="memcached")


@pytest.fixture(scope="session")
def settings(embedded_postgres, embedded_redis):
    """Of a site on servers of the tests' own."""
    url = embedded_postgres.url.replace("postgresql://", "postgresql+psycopg://")
    migrate(url)
    return Settings(
        database_url=url,
        redis_url=embedded_redis.url,
        secret_key="a secret of the tests, long enough",
    )


@pytest.fixture(scope="session")
def app(settings):
    """The site."""
    made = create_app(settings)
    yield made
    services = made.extensions["cacheground"]
    services.engine.dispose()
    services.client.redis.close()
    services.quick_client.redis.close()


@pytest.fixture
def client(app):
    """A browser that has not been here before."""
    browser = app.test_client()
    browser.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return browser
