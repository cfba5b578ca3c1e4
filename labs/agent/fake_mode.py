"""An agent without processes, for the tests of the web: a thread of the labs host."""

from __future__ import annotations

import socket

from labs.agent.agent import Agent, Place
from labs.fake.doubles import FakeDoubles
from labs.fake.forkserver import FakeForkServer
from labs.fake.network import FakeNetwork
from labs.fake.runtime import FakeRuntime
from labs.fake.state import FakeState


def run_fake(sock: socket.socket, place: Place) -> None:
    """Be the agent of a sandbox without processes, in the calling thread, until the host closes it
    or has ended.
    """
    state = FakeState()
    with sock:
        Agent(
            sock,
            place,
            runtime=FakeRuntime(),
            forkserver=FakeForkServer(state),
            network=FakeNetwork(),
            doubles=FakeDoubles(state),
        ).serve()
