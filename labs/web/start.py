"""Starts a program of labs.web without the rest of labs, whose front desk alone takes 0.7 s to
import: `python -I -S start.py labs.web.instance CONFIG`.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType


def main() -> None:
    """Be the program that the command line names."""
    bare = ModuleType("labs")
    bare.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["labs"] = bare
    importlib.import_module(sys.argv[1]).main(sys.argv[2])


if __name__ == "__main__":
    main()
