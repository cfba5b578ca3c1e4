"""The one loop of a client of the load: when it makes requests, when it reports, when it ends."""

import math
import pickle
import threading
import time
from multiprocessing import Pipe

import pytest

from labs.catalogue import catalogue
from labs.load import loop
from labs.load.batches import Batch
from labs.load.program import WorkloadSpec


class Counted:
    """A program that is always due and counts its requests."""

    def __init__(self, due=0.0):
        self.due = due
        self.done = self.closed = 0
        self.specs = []

    def once(self, now):
        self.done += 1

    def take_batch(self):
        batch, self.done = Batch("engine", "strategy", done=self.done), 0
        return batch

    def reconfigure(self, spec):
        self.specs.append(spec)

    def close(self):
        self.closed += 1


@pytest.fixture
def run():
    """Runs a program; hands out our end of its pipe, and ends it afterwards."""
    pipes, threads = [], []

    def start(program, **options):
        ours, theirs = Pipe()
        thread = threading.Thread(target=loop.run, args=(program, theirs), kwargs=options)
        thread.start()
        pipes.append(ours)
        threads.append(thread)
        return ours, thread

    yield start
    for pipe in pipes:
        pipe.close()
    for thread in threads:
        thread.join(5.0)
        assert not thread.is_alive()


def batches(pipe):
    """Every batch until the program has closed its end."""
    found = []
    try:
        while True:
            found.append(pipe.recv())
    except EOFError:
        return found


def test_a_client_makes_just_the_requests_that_it_was_given(run):
    pipe, thread = run(Counted(), requests=5)
    first = pipe.recv()
    pipe.send(None)
    thread.join(5.0)

    assert first.done == 5
    assert sum(batch.done for batch in batches(pipe)) == 0


def test_a_client_that_is_not_due_makes_no_request_and_still_reports(run):
    pipe, _ = run(Counted(due=math.inf))
    reports = [pipe.recv() for _ in range(3)]
    pipe.send(None)

    assert [report.done for report in reports] == [0, 0, 0]


def test_new_settings_come_after_a_report_of_what_the_old_ones_did(run):
    program = Counted(due=math.inf)
    pipe, thread = run(program)
    program.done = 3
    spec = WorkloadSpec(rate_per_s=1.0)
    pipe.send(spec)
    pipe.send(None)
    thread.join(5.0)

    assert program.specs == [spec]
    assert sum(batch.done for batch in batches(pipe)) == 3


def test_the_end_gives_back_what_the_program_holds(run):
    program = Counted(due=math.inf)
    pipe, thread = run(program)
    pipe.send(None)
    thread.join(5.0)

    assert program.closed == 1


def test_a_controller_that_is_gone_ends_its_clients(run):
    pipe, thread = run(Counted(due=time.monotonic() + 60))
    pipe.close()
    thread.join(5.0)

    assert not thread.is_alive()


@pytest.mark.parametrize("lab", catalogue().values(), ids=catalogue())
def test_every_strategy_of_every_lab_crosses_a_process_border(lab):
    strategies = [*lab.strategies.values()]
    strategies += [one for mutant in lab.mutants for one in mutant.strategies.values()]
    for strategy in strategies:
        assert pickle.loads(pickle.dumps(strategy)) == strategy
