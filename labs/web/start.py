"""Starts a program of labs.web on the standard library alone:
`python -I -S start.py labs.web.instance CONFIG`.
"""

from __future__ import annotations

import importlib
import os
import sys


def main() -> None:
    """Be the program that the command line names."""
    # -I leaves the script's own folder out of the path, and -S site-packages.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    importlib.import_module(sys.argv[1]).main(sys.argv[2])


if __name__ == "__main__":
    main()
