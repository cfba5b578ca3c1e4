"""The load of a sandbox that has no process left for the last of its clients."""

from multiprocessing import Pipe
from typing import Any

import pytest

from labs.errors import DidNotStart
from labs.load.commits import Commits
from labs.load.controller import LoadController
from tests.waiting import WITHIN_S


class FewProcesses:
    """Has processes for this many clients, each of which is the end of a pipe."""

    def __init__(self, many):
        self.commits = Commits()
        self.many = many
        self.ends = []

    def start(self, spec):
        if len(self.ends) == self.many:
            raise DidNotStart("The load could not be started.")
        ours, theirs = Pipe()
        self.ends.append(theirs)
        return len(self.ends), ours

    def close(self):
        for end in self.ends:
            end.close()


def no_spec(_) -> Any:
    """Nothing reads it."""


def test_where_the_last_client_finds_no_process_none_runs():
    server = FewProcesses(2)
    load = LoadController(server)

    with pytest.raises(DidNotStart):
        load.start(3, no_spec)

    assert not load.running
    for end in server.ends:
        assert end.poll(WITHIN_S) and end.recv() is None  # asked to stop
        with pytest.raises(EOFError):
            end.recv()
    server.close()
