"""Runs the tests: every tier of tests/ and the static checks, in stages of what can go side by
side, and adds up what they found. Installs nothing: scripts/test does.

scripts/test                       everything
scripts/test unit web              these tiers
scripts/test web -- -k stale -x    the rest goes to pytest
scripts/test guides --slow         follow each guide with the pauses of a person
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "var/test"
ORDINARY_UID = 61_999
SIDE_BY_SIDE = 3
"""More than two cores have: most of the time the tests wait for servers and for clocks."""
SERVERS, BROWSERS, ENDS = range(3)
"""The stages, one after the other: real servers, which are measured; browsers, which need all that
the processors have; sites that are started, killed and have no disk left, which wait most of the
time, and next to them what needs a processor and measures nothing.
"""
NO_TESTS = 5
STATIC = {
    "ruff": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
    "djlint": ["-m", "djlint", "--lint", "--quiet", "templates", "labs/catalogue"],
}


@dataclass(frozen=True, slots=True)
class Tier:
    """A folder of tests.

    `processes`: how many work on it; `apart`: files or folders of it that are a job of their own,
    in the stage `apart_stage` if that is another one.
    """

    name: str
    processes: int = 0
    stage: int = SERVERS
    also_ordinary: bool = False
    apart: tuple[str, ...] = ()
    apart_stage: int | None = None


# The long ones first, so that the short ones fill up what is left.
TIERS = (
    Tier(
        "browser",
        processes=2,
        stage=BROWSERS,
        apart=("journeys", "test_group_status.py"),
        apart_stage=ENDS,
    ),
    Tier("labs", apart=("test_reference_runs.py", "test_stalls.py")),
    Tier("web", processes=2),
    Tier("guides", processes=2),
    Tier("contract", also_ordinary=True),
    Tier("security"),
    Tier("chaos", stage=ENDS),
    Tier("ops", stage=ENDS),
    Tier("unit", processes=2, stage=ENDS),
    Tier("content", stage=ENDS),
)


@dataclass(slots=True)
class Job:
    """One command whose outcome counts.

    `environment` is added to ours; `results` is where pytest writes what it counted.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    results: Path | None = None
    stage: int = SERVERS


@dataclass(slots=True)
class Outcome:
    """What one job came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    tests: int = 0
    seconds: float = 0.0
    processor_s: float = 0.0
    """Of the job and of all processes that it has waited for."""
    output: str = ""


def main() -> int:
    """Run what is asked for; returns 1 if anything failed or no test ran."""
    names, for_pytest = _split(sys.argv[1:])
    known = [tier.name for tier in TIERS]
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    help_ = f"static, {', '.join(known)}; all if none is named"
    parser.add_argument("tiers", nargs="*", metavar="TIER", help=help_)
    slow = "a person's pauses between the steps of a guide"
    parser.add_argument("--slow", action="store_true", help=slow)
    given = parser.parse_args(names)
    wanted = given.tiers
    unknown = set(wanted) - {"static", *known}
    if unknown:
        parser.error(
            f"There is no tier {', '.join(sorted(unknown))}. There are static, {', '.join(known)}."
        )
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="cg-") as name:
        scratch = Path(name)
        scratch.chmod(0o711)
        outcomes = _run_all(list(_jobs(wanted, for_pytest, scratch, slow=given.slow)))
        return _report(outcomes, filtered=bool(for_pytest))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _jobs(wanted: list[str], for_pytest: list[str], scratch: Path, *, slow: bool) -> Iterator[Job]:
    for tier in TIERS:
        folder = f"tests/{tier.name}"
        if (wanted and tier.name not in wanted) or not list((ROOT / folder).glob("**/test_*.py")):
            continue
        apart = [] if for_pytest else [f"{folder}/{file}" for file in tier.apart]
        options = [*(["-n", str(tier.processes)] if tier.processes else []), *for_pytest]
        if slow and tier.name == "guides":
            options.append("--slow")
        without = [f"--ignore={file}" for file in apart]
        yield _tests(tier, [folder, *without, *options], scratch)
        if apart:
            job = _tests(tier, apart, scratch, more=" apart")
            yield job if tier.apart_stage is None else replace(job, stage=tier.apart_stage)
        if tier.also_ordinary and os.geteuid() == 0:
            yield _as_ordinary_user(tier, for_pytest, scratch)
    if "static" in wanted or (not wanted and not for_pytest):
        for name, command in STATIC.items():
            yield Job(name, [sys.executable, *command], stage=ENDS)


def _tests(tier: Tier, arguments: list[str], scratch: Path, *, more: str = "") -> Job:
    name = tier.name + more
    results = scratch / f"{name}.xml"
    pytest = [sys.executable, "-m", "pytest", "-q", "--durations=5", f"--junitxml={results}"]
    return Job(name, [*pytest, *arguments], results=results, stage=tier.stage)


def _as_ordinary_user(tier: Tier, for_pytest: list[str], scratch: Path) -> Job:
    """The same tests as a user who is not root, and who has a line in the password file as people
    have: in this command's sight only.
    """
    home = scratch / "home"
    home.mkdir()
    os.chown(home, ORDINARY_UID, ORDINARY_UID)
    passwords = scratch / "passwd"
    passwords.write_text(
        Path("/etc/passwd").read_text()
        + f"ordinary:x:{ORDINARY_UID}:{ORDINARY_UID}:Ordinary user:{home}:/bin/sh\n"
    )
    passwords.chmod(0o644)
    results = home / "results.xml"
    ids = [f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}"]
    files = [f"--basetemp={home}/pytest", f"--junitxml={results}"]
    script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'
    command = [
        *("unshare", "--mount", "--propagation", "private", "--"),
        *("sh", "-c", script, "sh", str(passwords)),
        *("setpriv", *ids, "--clear-groups", "--inh-caps=-all", "--"),
        *(sys.executable, "-m", "pytest", f"tests/{tier.name}", "-q", "-p", "no:cacheprovider"),
        *(*files, *for_pytest),
    ]
    environment = {"HOME": str(home), "TMPDIR": "/tmp", "XDG_RUNTIME_DIR": ""}
    # Without cages two labs hosts on one machine use the same loopback addresses: not next to labs.
    return Job(
        f"{tier.name} as an ordinary user",
        command,
        {**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        results,
        stage=BROWSERS,
    )


def _run_all(jobs: list[Job]) -> dict[str, Outcome]:
    """Stage by stage, several at a time."""
    outcomes: dict[str, Outcome] = {}
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                job = waiting.get_nowait()
                outcomes[job.name] = _run(job)

    for stage in sorted({job.stage for job in jobs}):
        for job in jobs:
            if job.stage == stage:
                waiting.put(job)
        workers = [threading.Thread(target=work, daemon=True) for _ in range(SIDE_BY_SIDE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return outcomes


def _run(job: Job) -> Outcome:
    started = time.monotonic()
    log = REPORTS / f"{job.name.replace(' ', '-')}.log"
    with log.open("wb") as output, _ended_with_us(job, output) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    outcome = _counted(job, process.returncode)
    outcome.processor_s = used.ru_utime + used.ru_stime
    outcome.seconds = time.monotonic() - started
    outcome.output = log.read_text(errors="replace")
    took = f"{outcome.seconds:.1f} s, {outcome.processor_s:.0f} s of a processor"
    print(f"{job.name}: {_sum(outcome)} in {took}", flush=True)
    return outcome


@contextmanager
def _ended_with_us(job: Job, output: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        job.command,
        cwd=ROOT,
        env={**os.environ, **job.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,  # type: ignore[call-overload]  # any file will do
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _counted(job: Job, code: int) -> Outcome:
    """What pytest wrote down; a check without tests counts as one, and so does a run that broke
    before it could count.
    """
    if job.results is None:
        return Outcome(passed=int(code == 0), failed=int(code != 0))
    total = Outcome()
    with suppress(OSError, ElementTree.ParseError):
        for suite in ElementTree.parse(job.results).iter("testsuite"):
            kinds = ("tests", "failures", "errors", "skipped")
            tests, failures, errors, skipped = (int(suite.get(kind, "0")) for kind in kinds)
            total.failed += failures + errors
            total.skipped += skipped
            total.passed += max(0, tests - failures - errors - skipped)
            total.tests += tests
    if code not in (0, NO_TESTS) and not total.failed:
        total.failed = 1
    return total


def _report(outcomes: dict[str, Outcome], *, filtered: bool) -> int:
    """All that failed in full, then one line that adds everything up."""
    for name, outcome in outcomes.items():
        if outcome.failed:
            print(f"\n{'=' * 8} {name} {'=' * 8}\n{outcome.output}", flush=True)
        elif outcome.skipped:
            for line in outcome.output.splitlines():
                if line.startswith("SKIPPED"):
                    print(f"{name}: {line}")
    tests = sum(outcome.tests for outcome in outcomes.values())
    counts = ("passed", "failed", "skipped")
    whole = Outcome(*(sum(getattr(one, name) for one in outcomes.values()) for name in counts))
    if not tests and not (outcomes and set(outcomes) <= set(STATIC)):
        print("No test ran." + (" Nothing matches what was handed to pytest." if filtered else ""))
        return 1
    print(f"\n{_sum(whole)}")
    return 1 if whole.failed else 0


def _sum(outcome: Outcome) -> str:
    line = f"{outcome.passed} passed, {outcome.failed} failed"
    return f"{line}, {outcome.skipped} skipped" if outcome.skipped else line


if __name__ == "__main__":
    sys.exit(main())
