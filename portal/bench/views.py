"""A lab's own view: `view.html` in the lab's folder, with the scripts and styles next to it that it
loads as `asset('labs/<id>/view.js')`.

A page file in a lab's folder that no page would find is an error when the portal starts.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from jinja2 import BaseLoader, ChoiceLoader, FunctionLoader, PrefixLoader

from labs import UnknownLab, catalogue, folder_of

VIEW = "view.html"
OF_A_PAGE = (".html", ".js", ".css")


def install(app: Flask) -> None:
    """Let templates find the views of all labs; raises ValueError for a file that is no view."""
    problems = [
        problem for lab_id in catalogue() for problem in problems_of(lab_id, folder_of(lab_id))
    ]
    if problems:
        raise ValueError("; ".join(problems))
    known: BaseLoader = app.jinja_loader or ChoiceLoader([])
    app.jinja_loader = ChoiceLoader([known, PrefixLoader({"labs": FunctionLoader(_source)})])
    app.jinja_env.globals["view_of"] = view_of


def view_of(lab_id: str) -> str | None:
    """The template of a lab's own view; None if it has none."""
    return f"labs/{lab_id}/{VIEW}" if (folder_of(lab_id) / VIEW).is_file() else None


def problems_of(lab_id: str, folder: Path) -> list[str]:
    """What is wrong with the page files of a lab's folder, in sentences."""
    files = [path.name for path in sorted(folder.iterdir()) if path.suffix in OF_A_PAGE]
    if files and VIEW not in files:
        return [f"The lab {lab_id} has {', '.join(files)}, and no {VIEW} that shows them"]
    return [
        f"The lab {lab_id} has {name}, and its view is {VIEW}"
        for name in files
        if name.endswith(".html") and name != VIEW
    ]


def _source(name: str) -> tuple[str, str, None] | None:
    lab_id, _, file = name.partition("/")
    try:
        path = folder_of(lab_id) / VIEW
    except UnknownLab:
        return None
    if file != VIEW or not path.is_file():
        return None
    return path.read_text(encoding="utf-8"), str(path), None
