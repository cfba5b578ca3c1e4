"""What a site gives away to its processes and in its answers: secrets, names, tracebacks."""

import socket

import pytest

from portal.serve.places import places_of
from portal.serve.supervisor import Site
from portal.web import hosts


def test_an_error_says_nothing_of_the_inside(app, client, monkeypatch):
    monkeypatch.setattr("portal.accounts.routes.owner_of", lambda *_: 1 / 0)

    page = client.get("/recover/x").text

    assert "ZeroDivision" not in page
    assert "Traceback" not in page
    assert "/portal/" not in page


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A supervisor that is not started."""
    monkeypatch.setenv("API_TOKEN", "secret-four")
    settings = {
        "DATABASE_URL": "postgresql://portal:secret-one@db/portal",
        "REDIS_URL": "redis://:secret-two@cache/0",
        "SECRET_KEY": "secret-three" * 4,
    }
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        made = Site(places_of(tmp_path), settings, "127.0.0.1", listener, without_isolation=False)
        yield made
        made._client.redis.close()


def test_the_labs_host_gets_the_one_secret_that_it_needs_and_none_where_others_can_read(site):
    launch = site._labs_host()

    assert {name for name, value in launch.environment.items() if "secret-" in value} == {
        "REDIS_URL"
    }
    for started in (launch, site._web(), site._recorder()):
        assert "secret-" not in " ".join(map(str, started.argv))


def test_on_its_own_address_the_site_answers_to_its_own_names_only(site, app, monkeypatch):
    """A page of another site could have its own name lead to 127.0.0.1, and would then be taken for
    a page from here.
    """
    names = site._web().environment["TRUSTED_HOSTS"].split(",")
    monkeypatch.setitem(app.config, hosts.KEY, names)

    assert app.test_client().get("/healthz", base_url="http://localhost:8000").status_code == 200
    assert app.test_client().get("/healthz", base_url="http://127.0.0.1:8000").status_code == 200
    assert app.test_client().get("/healthz", base_url="http://evil.example:8000").status_code == 400
