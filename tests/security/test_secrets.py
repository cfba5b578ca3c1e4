"""The labs of the setup access on a site with real servers: no secret of a run is in what a watcher
gets, nor in a log, a database or a list of processes.
"""

import contextlib
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.orm import sessionmaker

from labs.catalogue import catalogue
from labs.lab import Lab, Text
from portal import access
from portal.app import create_app
from portal.recorder import Recorder
from portal.serve import gunicorn_settings
from tests.hosts import emptied_redis, serving
from tests.leaks import Heard, files, leaked, processes, secrets_in, telling
from tests.waiting import eventually
from tests.web.conftest import Returning

SETUP = "labs.setups.access."
TYPED = "correct-horse-battery-9"
"""A password that a learner types."""
RUN_S = 90.0


def uses_the_setup(lab: Lab) -> bool:
    """True if one of the lab's modules has something of the setup access."""
    package = f"labs.catalogue.{lab.id.replace('-', '_')}."
    modules = [module for name, module in sys.modules.items() if name.startswith(package)]
    return any(
        str(getattr(value, "__module__", None) or getattr(value, "__name__", "")).startswith(SETUP)
        for module in modules
        for value in vars(module).values()
    )


LABS = sorted(lab.id for lab in catalogue().values() if uses_the_setup(lab))


def test_the_labs_of_the_setup_are_found():
    assert {"network-isolation", "redis-auth", "rbac", "iam", "memcached-sasl"} < set(LABS)
    assert "encryption-in-transit" in LABS
    assert "cache-aside" not in LABS


class Bench:
    """A learner with an open bench of a lab."""

    def __init__(self, site, lab_id):
        self.site, self.lab = site, catalogue()[lab_id]
        self.browser = site.browser()
        assert self.browser.post(f"/labs/{lab_id}/sandbox").status_code == 303
        self.owner, _, self.signature = self.browser.get_cookie("learner").value.partition(".")
        self.id = eventually(self._is_open)
        self.own_answers = []

    def _is_open(self):
        info = self.site.labs.find(self.owner)
        return info.id if info and info.status == "open" else None

    def post(self, path, **form):
        """What the owner is answered."""
        answer = self.browser.post(f"/sandboxes/{self.id}/{path}", data=form)
        self.own_answers.append(answer.text)
        return answer

    def play(self):
        """The reference run; then by the web the lab's first action, and a password wherever
        something can be typed: in the fields of actions, and in each console.
        """
        supervisor = self.site.host.supervisor
        checks = supervisor.call(self.id, "play", deadline_s=RUN_S)["checks"]
        assert any(check["status"] == "met" for check in checks)
        self.post(f"actions/{self.lab.actions[0].name}")
        for action in self.lab.actions:
            if typed := {one.name: TYPED for one in action.fields if isinstance(one, Text)}:
                self.post(f"actions/{action.name}", **typed)
        for node in self.lab.topology.servers:
            if node.has_console:
                for command in ("AUTH learner", "CONFIG SET requirepass"):
                    self.post(f"console/{node.name}", command=f"{command} {TYPED}")

    def secrets(self):
        """Those that were made in the sandbox, and what else is the owner's alone."""
        told = self.site.host.supervisor.call(self.id, "tell-secrets")
        own = ("the owner’s cookie", self.signature), ("the site’s key", self.site.key)
        return [*secrets_in(told), *((name, one.encode()) for name, one in own)]


class Site:
    """The portal and a labs host with real servers, and everything that they say."""

    def __init__(self, app, host, labs, heard, settings, places):
        self.app, self.host, self.labs = app, host, labs
        self.heard, self.settings, self.places = heard, settings, places
        self.key = settings.secret_key

    def browser(self):
        made = self.app.test_client()
        made.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        return made

    def kept(self):
        """What the site keeps and logs, by place."""
        services = self.app.extensions["cacheground"]
        Recorder(sessionmaker(services.engine), services.client.redis, services.cache).record(100)
        state, logs, errors = self.places
        return {
            "log of the site": "\n".join(self.heard.lines) + errors.read_text(),
            "the site’s files": _text_of(state, but=("sandboxes", "layers", "template")),
            "logs of its servers": "".join(log.read_text() for log in logs.glob("*.log")),
            "database": _rows(self.settings.database_url),
            "Redis": _values(services.client.redis),
            **processes(psutil.process_iter()),
        }

    def seen_by(self, browser, bench):
        """Every page and every feed of a bench that this browser is shown, by address."""
        seen = {}
        for rule in self.app.url_map.iter_rules():
            if "GET" in rule.methods and rule.arguments & {"sandbox", "lab_id"}:
                for places in _places(rule, bench.lab):
                    url = self._address(rule, bench, places)
                    if rule.rule.endswith("/events"):
                        seen[url] = self._stream(browser, url, bench)
                    else:
                        with browser.get(url) as answer:
                            seen[url] = answer.text
                            seen[f"status {url}"] = str(answer.status_code)
        return seen

    def _address(self, rule, bench, places):
        given = {"sandbox": bench.id, "lab_id": bench.lab.id, **places}
        with self.app.test_request_context():
            needed = {name: given[name] for name in rule.arguments}
            return self.app.url_for(rule.endpoint, **needed)

    def _stream(self, browser, url, bench):
        """The stream from its beginning until it has told of what there is now."""
        last, text = self.labs.events(bench.id)[-1].seq, ""
        with browser.get(url, headers={"Last-Event-ID": "0"}) as answer:
            if answer.status_code != 200:
                return answer.text
            for part in answer.iter_encoded():
                text += part.decode()
                if f"id: {last}\n" in text:
                    return text
        raise AssertionError("the stream ended before its last event")


def _places(rule, lab):
    """What may stand in the other places of an address of a bench. A new kind of place is to be
    added here.
    """
    others = rule.arguments - {"sandbox", "lab_id"}
    if others == {"server"}:
        return [{"server": node.name} for node in lab.topology.servers]
    if others == {"name"}:
        named = {"tables": lab.tables, "predictions": lab.predictions, "records": ()}
        kind = next(part for part in rule.rule.split("/") if part in named)
        return [{"name": one.name} for one in named[kind]]
    assert not others, rule.rule
    return [{}]


def _text_of(folder, *, but):
    texts = []
    for below, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in but]
        for name in names:
            with contextlib.suppress(OSError):
                texts.append(Path(below, name).read_bytes().decode(errors="replace"))
    return "\n".join(texts)


def _rows(url):
    """Every row of every table, as text."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        ask = connection.execute
        tables = ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(
            row for (table,) in tables for (row,) in ask(f'SELECT t::text FROM "{table}" t')
        )


def _values(redis):
    """Every key of the portal's Redis with its value, as text."""
    reads = {
        "string": redis.get,
        "hash": redis.hgetall,
        "list": lambda key: redis.lrange(key, 0, -1),
        "stream": redis.xrange,
        "set": redis.smembers,
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        "none": lambda _: None,  # it has gone meanwhile
    }
    return "\n".join(f"{key} {reads[redis.type(key)](key)}" for key in redis.scan_iter(count=1_000))


@contextlib.contextmanager
def errors_to(path):
    """What is started meanwhile prints its errors there."""
    with path.open("ab") as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


@pytest.fixture(scope="module")
def site(settings, embedded_redis, server_folder):
    """A site that has nothing open."""
    state, errors = server_folder / "host-of-secrets", server_folder / "zygote.errors"
    state.mkdir(mode=0o711)
    with contextlib.ExitStack() as stack:
        stack.enter_context(telling(server_folder))
        catalogue.cache_clear()
        stack.callback(catalogue.cache_clear)
        redis = stack.enter_context(emptied_redis(embedded_redis.url))
        heard = stack.enter_context(Heard().listening())
        with errors_to(errors):
            host, labs = stack.enter_context(serving(redis, state, isolation="auto", room=100))
        app = create_app(settings)
        app.test_client_class = Returning
        stack.callback(_give_back, app)
        yield Site(app, host, labs, heard, settings, (state, server_folder, errors))


def _give_back(app):
    if (hub := app.extensions.get("cacheground.hub")) is not None:
        hub.stop()
        if hub._thread:
            hub._thread.join(5)
    services = app.extensions["cacheground"]
    services.engine.dispose()
    services.client.redis.close()
    services.quick_client.redis.close()


@pytest.fixture(scope="module")
def benches(site):
    """A bench of each lab, played: side by side, for most of a run waits."""
    opened = [Bench(site, lab) for lab in LABS]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Bench.play, opened))
    return {bench.lab.id: bench for bench in opened}


@pytest.fixture(scope="module")
def kept(site, benches):
    """What the site keeps after all runs."""
    return site.kept()


@pytest.fixture
def watched(site):
    """Somebody who may watch every bench, and act on none."""
    watcher = site.browser()
    assert watcher.post("/me/recovery").status_code == 200  # is a learner from now on
    owners = access.owners_only

    def rule(learner, sandbox, permission):
        return permission == "watch" or owners(learner, sandbox, permission)

    access.install(site.app, rule)
    yield partial(site.seen_by, watcher)
    access.install(site.app)


def where(secrets, texts):
    """In which of these texts a secret stands."""
    found = {place: leaked(secrets, text) for place, text in texts.items()}
    return {place: names for place, names in found.items() if names}


@pytest.mark.parametrize("lab", LABS)
def test_no_secret_of_a_run_is_in_what_a_watcher_gets(benches, kept, watched, lab):
    bench = benches[lab]
    seen = watched(bench)

    refused = [url for url, text in seen.items() if url.startswith("status ") and text == "404"]
    assert refused in ([], [f"status /labs/{lab}/shop"])
    assert "sandbox-opened" in seen[f"/sandboxes/{bench.id}/events"]
    made = bench.secrets()
    assert where(made, seen) == {}
    typed = [("what was typed", TYPED.encode()), ("the owner’s id", bench.owner.encode())]
    assert where(typed, seen) == {}


@pytest.mark.parametrize("lab", LABS)
def test_no_secret_of_a_run_is_kept_or_logged(site, benches, kept, lab):
    bench = benches[lab]
    logs = files(site.host.supervisor.process(bench.id).directory)

    assert where(bench.secrets(), {**kept, **logs}) == {}
    typed = [("what was typed", TYPED.encode())]
    assert where(typed, {**kept, **logs}) == {}
    assert lab in kept["database"]
    assert bench.owner not in kept["log of the site"]


@pytest.mark.parametrize("lab", LABS)
def test_not_even_the_owner_is_shown_a_secret(site, benches, lab):
    """What a tap shows is a password that was made up for its lab, and a token has a number."""
    bench = benches[lab]

    shown = {**site.seen_by(bench.browser, bench), "answers": "\n".join(bench.own_answers)}

    assert where(bench.secrets(), shown) == {}


def test_a_secret_that_is_shown_is_found(site, watched):
    """In each place that is looked at: else the tests above would prove nothing."""
    bench = Bench(site, "telling")
    secrets = bench.secrets()
    places = "events outcomes host-log server-logs tables".split()
    for place in places:
        assert bench.post("actions/tell", place=place).status_code == 303
    eventually(lambda: leaked(secrets, "\n".join(site.heard.lines)))

    def found():
        texts = watched(bench) | site.kept()
        texts |= files(site.host.supervisor.process(bench.id).directory)
        return {re.sub(r"[0-9a-f]{32}", "…", place) for place in where(secrets, texts)}

    expected = {
        "/sandboxes/…/events",
        "/sandboxes/…/feed",
        "/sandboxes/…/state",
        "/sandboxes/…/log/cache",
        "/sandboxes/…/tables/calls.csv",
        "log of the site",
        "database",
        "Redis",
        "server-logs",
    }
    eventually(lambda: expected <= found(), 10.0, what=f"{expected - found()}")
    bench.post("close")


def test_the_site_writes_no_access_log():
    assert not getattr(gunicorn_settings, "accesslog", None)
