"""All labs, found by looking: every folder here that exports `LAB` is one.

`CACHEGROUND_LABS` adds folders elsewhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from labs.definition import Lab
from labs.errors import UnknownLab


@cache
def catalogue() -> dict[str, Lab]:
    """Every lab by its id, in the order of their ids.

    A folder whose LAB has another id raises ValueError.
    """
    labs: dict[str, Lab] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            _add(labs, importlib.import_module(f"{__name__}.{module.name}").LAB, module.name)
    for folder in filter(None, os.environ.get("CACHEGROUND_LABS", "").split(os.pathsep)):
        for path in sorted(Path(folder).glob("*/__init__.py")):
            _add(labs, _load(path).LAB, path.parent.name)
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
    """The folder of a lab: its definition, its tolerances, and its view if it has one of its own.

    UnknownLab if there is none.
    """
    module = sys.modules[f"{__name__}.{find(lab_id).id.replace('-', '_')}"]
    assert module.__file__
    return Path(module.__file__).parent


def _add(labs: dict[str, Lab], lab: Lab, folder: str) -> None:
    if lab.id.replace("-", "_") != folder.replace("-", "_"):
        raise ValueError(f"The folder {folder} holds a lab that calls itself {lab.id}.")
    labs[lab.id] = lab


def _load(path: Path) -> ModuleType:
    name = f"labs.catalogue.{path.parent.name}"
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(path.parent)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
