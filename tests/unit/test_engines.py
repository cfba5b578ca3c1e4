"""Engines describe themselves: what the registry says of a kind is what all others read."""

import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from labs.catalogue import catalogue
from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines import binaries
from labs.engines.base import CacheEngine, DatabaseEngine, Engine
from labs.engines.memcached import Memcached
from labs.engines.postgres import Postgres
from labs.engines.redis import Redis
from labs.engines.registry import Kind, UnknownKind, registry
from labs.engines.web import Balancer
from labs.fake.engine import FakeEngine
from labs.fake.state import FakeState
from labs.lab import Choice, Lab, Link, Node, Topology
from labs.runtime.protocol import Runtime
from labs.sandbox.addresses import Addresses
from labs.sandbox.consoles import CONSOLES

ROOT = Path(__file__).resolve().parents[2]
SERVERS = [kind for kind in registry.values() if kind.is_server]
ADDRESS = Address("127.0.0.1", 1)


class Toy(Redis):
    """An engine of a test's own."""

    kind = "toy"


TOY = Kind(
    "toy",
    "Toy",
    port=4711,
    glyph="slots",
    console="resp",
    engine=f"{__name__}:Toy",
    program="toy-server",
    package="toy",
)


@pytest.fixture
def toy(monkeypatch):
    """A kind that is known for as long as the test runs."""
    monkeypatch.setitem(registry, TOY.name, TOY)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Toy.__module__])
    return TOY


def topology(engine):
    """An application and one server."""
    return Topology(
        (Node("app", "App", "app"), Node("server", "The server", engine)),
        (Link("link", "app", "server"),),
    )


def lab(engine, *controls, engine_setting=""):
    """A lab with one server."""
    nodes = (Node("app", "App", "app"), Node("server", "The server", engine, engine_setting))
    return Lab(
        id="toy",
        title="Toy",
        question="Does it run?",
        about="",
        minutes=1,
        topology=Topology(nodes, ()),
        controls=controls,
    )


def test_a_kind_that_is_added_is_known_wherever_kinds_are_read(toy, tmp_path, monkeypatch):
    node = lab("toy").topology.node("server")
    assert (node.kind.label, node.kind.glyph, node.has_console) == ("Toy", "slots", True)
    assert node in lab("toy").topology.servers
    assert registry.labels()["toy"] == "Toy"
    assert node.kind.console in CONSOLES
    assert node.kind.engine_class() is Toy

    program = tmp_path / "toy-server"
    program.write_text("#!/bin/sh\necho toy-server 1.2.3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.versions()["toy"] == "1.2.3"


def test_a_server_of_a_kind_that_is_added_is_reached_at_its_port(toy):
    runtime = SimpleNamespace(name="process", host=lambda _: "127.0.0.1", port=lambda usual: usual)
    addresses = Addresses(cast(Runtime, runtime), topology("toy"))
    link = topology("toy").links[0]

    assert addresses.place_link(link, topology("toy").node("server").kind.port).port == 4711


def test_an_unknown_engine_is_an_error_when_the_lab_is_made():
    with pytest.raises(UnknownKind, match="no engine 'oracle'; there are app, balancer, endpoint"):
        lab("oracle")


def test_an_engine_that_a_control_can_pick_must_be_known():
    pick = Choice("engine", "Engine", (("redis", "Redis"), ("oracle", "Oracle")), "redis")

    with pytest.raises(UnknownKind, match="oracle"):
        lab("redis", pick, engine_setting="engine")


def test_an_application_and_an_endpoint_are_no_servers():
    assert [kind.name for kind in registry.values() if not kind.is_server] == ["app", "endpoint"]
    with pytest.raises(UnknownKind, match="No server"):
        registry["app"].engine_class()


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_a_kind_names_an_engine_of_its_own_and_a_console_that_there_is(kind):
    engine = kind.engine_class()

    assert issubclass(engine, Engine)
    assert engine.kind == kind.name
    assert not kind.console or kind.console in CONSOLES
    assert bool(kind.program) == bool(kind.package)


def test_every_engine_that_a_lab_uses_is_in_the_registry():
    used = {node.engine for some in catalogue().values() for node in some.topology.nodes}

    assert used <= set(registry)


def test_the_registry_needs_the_standard_library_alone():
    subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "labs/engines/registry.py")], check=True, timeout=30
    )


def test_what_is_installed_follows_from_the_registry(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    provision = runpy.run_path(str(ROOT / "scripts/provision.py"))

    assert provision["PACKAGES"] == {
        "redis-server": "redis-server",
        "memcached": "memcached",
        "postgres": "postgresql",
        "bwrap": "bubblewrap",
        "chromium": "chromium-headless-shell",
    }
    assert set(provision["ENGINE_KINDS"]) <= set(provision["PACKAGES"])
    assert registry["memcached"].packages == ("memcached", "libsasl2-modules")
    assert "memcached libsasl2-modules" in provision["by_hand"]("serve", "")


@pytest.mark.parametrize(
    ("engine", "lost"),
    [
        (Redis("cache", ADDRESS, ROOT, "pw"), "It has lost what it held in memory."),
        (
            Redis("cache", ADDRESS, ROOT, "pw", appendonly=True),
            "It has replayed its append-only file: what was written is there.",
        ),
        (
            Redis("cache", ADDRESS, ROOT, "pw", appendonly=True, traced=True),
            "What its files held is there again.",
        ),
        (Memcached("cache", ADDRESS, ROOT), "It has lost what it held in memory."),
        (
            Postgres("database", ADDRESS, ROOT, "pw"),
            "It has replayed its log: what was committed is there.",
        ),
        (
            Balancer("balancer", ADDRESS, ROOT, "pw", dict),
            "It held nothing that it could lose.",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Engine) else "",
)
def test_an_engine_says_what_a_restart_costs(engine, lost):
    assert engine.after_restart() == lost


def test_an_engine_says_how_a_client_is_let_in():
    assert Redis("cache", ADDRESS, ROOT, "pw").access("learner") == Access("learner", "pw")
    assert Memcached("cache", ADDRESS, ROOT).access("learner") == Access()
    assert "pw" not in repr(Access("learner", "pw"))


def test_a_double_can_do_what_real_engines_can():
    state = FakeState(versions={42: 7})
    fake = FakeEngine("cache", "redis", state)

    assert isinstance(fake, CacheEngine)
    assert isinstance(fake, DatabaseEngine)
    assert (fake.item("a"), fake.count()) == (None, 0)
    state.stored["a"] = (b"1", float("inf"))
    assert (fake.item("a"), fake.count()) == (("1", -1), 1)
    assert fake.query("SELECT version …", {"product_id": 42}) == (7,)
