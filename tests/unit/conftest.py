"""Sandboxes over doubles, in the process of the test."""

from collections import defaultdict

import pytest

from labs.fake.doubles import FakeDoubles
from labs.fake.forkserver import FakeForkServer
from labs.fake.network import FakeNetwork
from labs.fake.runtime import FakeRuntime
from labs.fake.state import FakeState
from labs.lab import Choice, Lab, Link, Node, Topology
from labs.sandbox.environment import SandboxEnvironment
from labs.sandbox.sandbox import Sandbox


def lab_with(*parts):
    """A lab with one cache, one control and these kinds of parts."""
    return Lab(
        id="parts",
        title="Parts",
        question="Who is called?",
        about="A cache and some parts.",
        minutes=1,
        topology=Topology(
            nodes=(Node("app", "App", "app"), Node("cache", "cache", "redis")),
            links=(Link("cache", "app", "cache"),),
        ),
        controls=(Choice("colour", "Colour", (("red", "Red"), ("blue", "Blue")), "red"),),
        parts=parts,
    )


@pytest.fixture
def open_sandbox(tmp_path):
    """Opens a lab over doubles, its events in the list `events`; closes it afterwards."""
    opened = []

    def make(lab, events=None):
        state, told = FakeState(), [] if events is None else events
        sandbox = Sandbox(
            lab,
            lab.settings(),
            SandboxEnvironment(
                tmp_path, tmp_path, FakeRuntime(), defaultdict(str), FakeDoubles(state)
            ),
            forkserver=FakeForkServer(state),
            network=FakeNetwork(),
            database=None,
            emit=told.append,
            outcome=lambda *_: None,
        )
        opened.append(sandbox)
        sandbox.open()
        return sandbox

    yield make
    for sandbox in opened:
        sandbox.close()
