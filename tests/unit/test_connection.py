"""The connection to an agent, when it ends."""

import contextlib
import socket
from concurrent.futures import Future
from typing import Any

from labs.host.connection import Connection


class AnsweredMeanwhile(Future[dict[str, Any]]):
    """A call whose answer arrives in another thread, after it was looked at."""

    def done(self):
        return False


def test_it_can_be_closed_at_the_moment_at_which_an_answer_arrives():
    """What ends a sandbox goes on from there: an error here would leave its processes."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        connection = Connection(ours, "s")
        first, second = AnsweredMeanwhile(), Future()
        connection.waiting |= {1: first, 2: second}
        first.set_result({})

        connection.close()
        connection.on_message({"id": 2, "reply": {}})

        assert first.result(0) == {}
        assert "has ended" in str(second.exception(0))
