"""All labs, found by looking: every folder here with a `lab.py` that defines `lab` is one.

`CACHEGROUND_LABS` adds folders of labs elsewhere, separated like those of PATH.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from labs.errors import UnknownLab
from labs.lab import Lab

FILE = "lab.py"


@cache
def catalogue() -> dict[str, Lab]:
    """Every lab by its id, in the order of their ids.

    Raises ValueError for a folder that defines no lab or one with another id.
    """
    labs: dict[str, Lab] = {}
    for path in sorted(Path(__file__).parent.glob(f"*/{FILE}")):
        _add(labs, importlib.import_module(f"{__name__}.{path.parent.name}.lab"), path)
    for folder in filter(None, os.environ.get("CACHEGROUND_LABS", "").split(os.pathsep)):
        for path in sorted(Path(folder).glob(f"*/{FILE}")):
            _add(labs, _load(path), path)
    return dict(sorted(labs.items()))


def find(lab_id: str) -> Lab:
    """The lab of this id; UnknownLab names those that there are."""
    try:
        return catalogue()[lab_id]
    except KeyError:
        raise UnknownLab(
            f"There is no lab {lab_id[:60]!r}.", hint="There are " + ", ".join(catalogue()) + "."
        ) from None


def folder_of(lab_id: str) -> Path:
    """The folder of a lab: its definition, its data files, and its view if it has one of its own.

    UnknownLab if there is none.
    """
    module = sys.modules[f"{__name__}.{find(lab_id).id.replace('-', '_')}.lab"]
    assert module.__file__
    return Path(module.__file__).parent


def _add(labs: dict[str, Lab], module: ModuleType, path: Path) -> None:
    lab = getattr(module, "lab", None)
    if not isinstance(lab, Lab):
        raise ValueError(f"{path} defines no lab.")
    if lab.id.replace("-", "_") != path.parent.name.replace("-", "_"):
        raise ValueError(f"{path.parent} holds a lab that calls itself {lab.id}.")
    lab.load_files(path.parent)
    labs[lab.id] = lab


def _load(path: Path) -> ModuleType:
    """The lab's module, from a folder elsewhere: a package of its own, so that it may import the
    other files of its folder.
    """
    package = f"{__name__}.{path.parent.name}"
    parent = sys.modules[package] = ModuleType(package)
    parent.__path__ = [str(path.parent)]
    return importlib.import_module(f"{package}.lab")
