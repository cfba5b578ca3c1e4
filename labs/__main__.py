"""The labs from a shell: `python -m labs list` and `python -m labs run ID`.

Needs no web and no portal.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from labs.catalogue import catalogue, find
from labs.errors import BadInput, LabsError
from labs.events import Entry
from labs.headless import RUN_DEADLINE_S, Run, measure_tolerances, own_supervisor, play
from labs.host.isolation import KINDS
from labs.lab import tolerances
from labs.recording import record_race, write

EXIT_UNMET, EXIT_ERROR = 1, 2


@click.group()
def main() -> None:
    """Labs on real servers."""


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def list_labs(as_json: bool) -> None:
    """Name the labs that there are."""
    labs = catalogue().values()
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"id": lab.id, "title": lab.title, "about": lab.about, "minutes": lab.minutes}
                    for lab in labs
                ],
                indent=2,
            )
        )
        return
    for lab in labs:
        click.echo(f"{lab.id:24} {lab.about}")


@main.command("run")
@click.argument("lab_id", metavar="ID")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the lab; may be given several times.",
)
@click.option(
    "--seconds",
    default=RUN_DEADLINE_S,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How long a run may take.",
)
@click.option(
    "--times",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many runs, one after the other.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object on standard output (with --times, one a line).",
)
@click.option(
    "--isolation",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", *KINDS[:2]]),
    help="How sandboxes are kept apart.",
)
@click.option(
    "--mutant",
    default="",
    metavar="NAME",
    help="Play one of the lab's mutants instead: it must be caught.",
)
def run_lab(
    lab_id: str,
    given: tuple[str, ...],
    seconds: float,
    times: int,
    as_json: bool,
    isolation: str,
    mutant: str,
) -> None:
    """Play a lab's reference run in a sandbox of its own.

    Exits 0 if every check is met, 1 if one is not, 2 on an error.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_ERROR))
    try:
        settings = _settings(given)
        find(lab_id).settings(settings)
        all_met = True
        for _ in range(times):
            with own_supervisor(isolation) as supervisor:
                run = play(
                    supervisor,
                    lab_id,
                    settings=settings,
                    seconds=seconds,
                    mutant=mutant,
                    on_event=_progress,
                )
            if as_json:
                click.echo(json.dumps(run.to_data(), indent=2 if times == 1 else None))
            else:
                click.echo("\n".join(_report(run)))
            all_met &= run.ok
    except LabsError as exc:
        click.echo(
            f"{exc} {exc.hint}".strip() + (f"\n{exc.detail}" if exc.detail else ""), err=True
        )
        sys.exit(EXIT_ERROR)
    sys.exit(0 if all_met else EXIT_UNMET)


@main.command("tolerances")
@click.argument("lab_id", metavar="ID")
@click.option(
    "--times",
    default=10,
    show_default=True,
    type=click.IntRange(3, 100),
    help="Runs of each experiment.",
)
def tolerances_of_lab(lab_id: str, times: int) -> None:
    """Run each prediction's experiment many times, and write into the lab's folder how near a
    prediction must come.
    """
    try:
        with own_supervisor() as supervisor:
            text = measure_tolerances(supervisor, find(lab_id), times=times)
    except LabsError as exc:
        click.echo(f"{exc} {exc.hint}".strip(), err=True)
        sys.exit(EXIT_ERROR)
    folder = Path(__file__).parent / "catalogue" / lab_id.replace("-", "_")
    (folder / tolerances.FILE).write_text(text)
    click.echo(text)


@main.command("record-race")
def record_race_of_lab() -> None:
    """Play every order of the race of the start page on real servers, and write what they did into
    the lab's folder.
    """
    try:
        with own_supervisor() as supervisor:
            record = record_race(supervisor)
    except LabsError as exc:
        click.echo(f"{exc} {exc.hint}".strip(), err=True)
        sys.exit(EXIT_ERROR)
    stale = sum(order["outcome"] == "stale" for order in record["orders"])
    click.echo(f"{stale} of {len(record['orders'])} orders end stale: {write(record)}")


def _progress(entry: Entry) -> None:
    if entry.event.sentence:
        click.echo(f"  {entry.event.sentence}", err=True)


def _report(run: Run) -> Iterable[str]:
    yield (
        f"{run.lab} in {run.seconds:.1f} s ({run.isolation}; "
        + ", ".join(f"{name} {version}" for name, version in run.versions.items())
        + ")"
    )
    for name, value in run.measurements.items():
        yield f"  {name:32} {value:g}"
    for check in run.checks:
        yield f"  {check['status']:6} {check['claim']}"
        yield f"         {check['message']}"


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"{pair!r} is not a setting.", hint="Write --set NAME=VALUE.")
        settings[name] = value
    return settings


if __name__ == "__main__":
    main(prog_name="cacheground lab")
