"""Sandboxes to attack: real ones in a cage and as plain processes, and a site without labs."""

import os

import pytest

from labs.client import LabsClient
from labs.headless import own_supervisor
from portal.app import create_app
from portal.migrations import migrate
from portal.settings import Settings
from tests.hosts import emptied_redis, serving
from tests.waiting import eventually
from tests.web.conftest import Returning

SECRETS = {
    "SECRET_KEY": "the cookies' key",
    "DATABASE_URL": "postgresql://portal:password@db/portal",
    "REDIS_URL": "redis://:password@cache/0",
    "AWS_SECRET_ACCESS_KEY": "somebody's",
}


class Opened:
    """A sandbox with real servers."""

    def __init__(self, supervisor, lab="cache-aside", **settings):
        self.supervisor = supervisor
        self.events = []
        self.id = supervisor.open(
            lab, settings, on_event=lambda entry: self.events.append(entry.event)
        )

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
    with own_supervisor(request.param) as kept:
        os.environ.clear()
        os.environ.update(before)
        kept.wait_ready()
        yield kept


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
    made.test_client_class = Returning
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


@pytest.fixture(scope="module")
def labs(app, embedded_redis, tmp_path_factory):
    """A labs host whose sandboxes hold states without servers."""
    with (
        emptied_redis(embedded_redis.url) as redis,
        serving(redis, tmp_path_factory.mktemp("host"), room=100) as (host, _),
    ):
        yield host


@pytest.fixture
def sandbox(labs, client):
    """The id of the client's own open sandbox."""
    assert client.post("/labs/cache-aside/sandbox").status_code == 303
    owner = client.get_cookie("learner").value.split(".")[0]
    hosted = eventually(
        lambda: next(
            (
                hosted
                for hosted in labs.admission.all()
                if hosted.owner == owner and hosted.status == "open"
            ),
            None,
        )
    )
    eventually(
        lambda: (
            "sandbox-opened"
            in [entry.event.type for entry in LabsClient(labs._redis).events(hosted.id)]
        )
    )
    return hosted.id
