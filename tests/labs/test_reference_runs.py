"""Every lab, headless, on real servers: its reference run meets every check; each mutant is
caught where it is meant to be; no secret of a run stands where others could read it.
"""

import pytest

from labs.catalogue import catalogue
from labs.headless import MEASURE_DEADLINE_S, Standstill, play
from labs.lab import rows_of
from tests.leaks import looking_supervisor

LABS = list(catalogue().values())
MUTANTS = [(lab, mutant) for lab in LABS for mutant in lab.mutants]


@pytest.fixture(scope="module")
def supervisor(server_folder):
    """Looks for every secret of a sandbox when it ends."""
    with looking_supervisor(server_folder) as kept:
        yield kept


def unlabelled(run, lab):
    """The values of evidence that the page would show by their names in the program."""
    names = {name for check in run.checks for name in check["evidence"]}
    rows = rows_of(dict.fromkeys(names, 0), lab.counted)
    known = {counted.label for counted in lab.counted.values()}
    patterns = [label.partition("{}")[0] for label in known if "{}" in label]
    labels = {row.counted.label for row in rows} - known
    return {label for label in labels if not any(map(label.startswith, patterns))}


def nameless(run, lab):
    """The values that the card at the end and the lessons show of a check and that its evidence
    lacks.
    """
    evidence = {check["id"]: check["evidence"] for check in run.checks}
    shown = [(check, name) for check, one in lab.ending.proved.items() for name in one.names]
    sources = [source.partition(".") for source in lab.ending.quoted.values()]
    shown += [(check, name) for check, _, name in sources if name]
    return {(check, name) for check, name in shown if name not in evidence[check]}


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_the_reference_run_meets_every_check_with_evidence(supervisor, lab):
    run = play(supervisor, lab.id)

    assert {check["id"]: check["status"] for check in run.checks} == dict.fromkeys(
        (check.name for check in lab.checks), "met"
    ), run.checks
    assert all(check["evidence"] for check in run.checks)
    assert unlabelled(run, lab) == set()
    assert nameless(run, lab) == set()
    assert run.measurements


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_at_the_start_no_check_is_met(supervisor, lab):
    statuses = {}
    sandbox = supervisor.open(
        lab.id,
        {},
        on_event=lambda entry: (
            statuses.update({entry.event.check: entry.event.status})
            if entry.event.type == "check-changed"
            else None
        ),
    )
    try:
        supervisor.call(sandbox, "log", server=lab.topology.servers[0].name)
        assert statuses == dict.fromkeys((check.name for check in lab.checks), "unmet")
    finally:
        supervisor.end(sandbox, "the test is over")


@pytest.mark.parametrize(
    ("lab", "mutant"), MUTANTS, ids=[f"{lab.id}-{mutant.name}" for lab, mutant in MUTANTS]
)
def test_a_mutant_is_caught_by_its_check(supervisor, lab, mutant):
    run = play(supervisor, lab.id, mutant=mutant.name)

    unmet = [check["id"] for check in run.checks if check["status"] != "met"]
    # the matrix is meant to be read
    print(f"{lab.id:18} {mutant.name:22} {mutant.about:60} caught at {', '.join(unmet)}")  # noqa: T201
    assert mutant.caught_by.name in unmet
    assert not run.ok
    (caught,) = (check for check in run.checks if check["id"] == mutant.caught_by.name)
    assert caught["evidence"], f"It saw nothing, so it proves nothing: {caught['message']}"


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_prediction_can_be_measured(supervisor, lab):
    for prediction in lab.predictions:
        still = Standstill()
        sandbox = supervisor.open(lab.id, {}, on_event=still.on_event)
        try:
            measured = supervisor.call(
                sandbox,
                "measure",
                prediction=prediction.name,
                deadline_s=MEASURE_DEADLINE_S,
                more_s=still.seconds,
            )
            assert prediction.holds(measured["value"], measured["value"])
            assert measured["shown"]
        finally:
            supervisor.end(sandbox, "the test is over")
