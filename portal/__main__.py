"""`python -m portal`."""

from portal.cli import main

main(prog_name="cacheground")
