"""The experiments of the lab's predictions: what each measures in the learner's own sandbox."""

from __future__ import annotations

from labs.errors import NotNow
from labs.sandbox.sandbox import Sandbox
from labs.setups.journal import experiments, faults
from labs.setups.journal.experiments import experiment, trial
from labs.setups.journal.faults import CRASH, POWER, journal, power_problem

WRITES = 300


def crash(sandbox: Sandbox) -> float:
    """With AOF no and a kill -9 under load: how many acknowledged writes are lost."""
    with experiment(sandbox):
        return float(trial(sandbox, "no", CRASH)["lost"])


def everysec_power(sandbox: Sandbox) -> float:
    """With AOF everysec and a power cut under load: how many seconds of acknowledged writes are
    lost.
    """
    with experiment(sandbox):
        return float(trial(sandbox, "everysec", POWER)["lost_s"])


def snapshot(sandbox: Sandbox) -> float:
    """A snapshot after 300 writes, 300 more, kill -9: how many are found."""
    with experiment(sandbox):
        experiments.choose(sandbox, "none")
        experiments.write(sandbox, WRITES)
        experiments.snapshot(sandbox)
        experiments.write(sandbox, WRITES)
        faults.crash(sandbox)
        return float(faults.come_back(sandbox)["found"])


def always_syncs(sandbox: Sandbox) -> float:
    """With AOF always: how many syncs the server makes for 300 writes of one client."""
    with experiment(sandbox):
        experiments.choose(sandbox, "always")
        if problem := power_problem(sandbox):
            raise NotNow(problem)
        before = journal(sandbox).progress()
        experiments.write(sandbox, WRITES)
        return float(journal(sandbox).progress().syncs - before.syncs)
