"""What can be said to the portal from a shell.

Each command calls what the pages and processes call.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click
import psycopg

from labs.client import LABS_SETTINGS, catalogue, forget_foreign
from portal import migrations
from portal.serve import supervisor
from portal.settings import ROOT, VARIABLES, Settings, SettingsError


@click.group(help="Cacheground: learn ElastiCache by breaking one.")
def main() -> None:
    """The portal's commands."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option(
    "--without-isolation",
    is_flag=True,
    help="Teach others even where sandboxes have no walls of their own.",
)
def serve(host: str, port: int, without_isolation: bool) -> None:
    """Run the whole site: its servers, the labs host, the recorder, the web."""
    sys.exit(supervisor.serve(host=host, port=port, without_isolation=without_isolation))


@main.command()
def migrate() -> None:
    """Bring the portal's database to this version's schema."""
    try:
        steps = migrations.migrate(_settings().database_url)
    except migrations.NotMigrated as exc:
        raise click.ClickException(str(exc)) from None
    except psycopg.Error as exc:
        raise click.ClickException(f"The Postgres can't be used: {str(exc).strip()}") from None
    click.echo(f"Migrated: {', '.join(steps)}." if steps else "Nothing to migrate.")


@main.command()
def recorder() -> None:
    """Write outcomes of the labs to the portal's database, until SIGTERM."""
    # Flask and SQLAlchemy take half a second to import, which `serve` would wait for.
    from portal.recorder import run  # noqa: PLC0415

    run(_settings())


@main.group()
def lessons() -> None:
    """The lessons."""


@lessons.command()
@click.argument(
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=ROOT / "lessons",
)
def check(folder: Path) -> None:
    """Print everything that is wrong with the lessons: what can't be read, and what breaks a rule
    for writers.
    """
    from portal.content import quiz_rules, rules  # noqa: PLC0415
    from portal.content.loading import load  # noqa: PLC0415  # as in `recorder`: Markdown, Pygments

    course = load(folder)
    found = [
        *course.problems,
        *rules.problems(folder, course),
        *quiz_rules.problems(course),
    ]
    for problem in found:
        click.echo(str(problem))
    written, total = len(course.written), len(course.lessons)
    click.echo(f"{written} of {total} lessons written, {len(found)} problems.", err=True)
    if found:
        sys.exit(1)


@lessons.command()
@click.argument("lab_ids", nargs=-1, metavar="[LAB]...")
@click.option(
    "--times",
    default=5,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Runs of each lab; the median counts.",
)
def measure(lab_ids: tuple[str, ...], times: int) -> None:
    """Run the labs and write the figures that the lessons quote."""
    from portal.content import measuring  # noqa: PLC0415  # as above

    try:
        tables = measuring.measure(lab_ids or tuple(catalogue()), times=times)
    except measuring.RunFailed as exc:
        raise click.ClickException(str(exc)) from None
    measuring.write(ROOT / "lessons", tables)


@main.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def lab(words: tuple[str, ...]) -> None:
    """The labs, without a page: `lab list`, `lab run ID`."""
    forget_foreign(LABS_SETTINGS)
    os.execv(sys.executable, [sys.executable, "-m", "labs", *words])


def _settings() -> Settings:
    try:
        settings = Settings.from_environment()
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from None
    forget_foreign(VARIABLES)
    return settings
