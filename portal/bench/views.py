"""A lab's own view: `view.html` in the lab's folder, with the scripts and styles next to it that it
loads as `asset('labs/<id>/view.js')`.

Views are read once, when the portal starts; a folder that can't be read, and a page file in it that
no page would find, is an error then.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from jinja2 import BaseLoader, ChoiceLoader, FunctionLoader

from labs.client import catalogue, folder_of
from portal.web.assets import files_in

VIEW = "view.html"
OF_A_PAGE = (".html", ".js", ".css")


def install(app: Flask) -> None:
    """Let templates find the views of all labs; raises ValueError for a file that is no view."""
    views: dict[str, str] = {}
    texts: dict[str, tuple[str, str, None]] = {}
    problems: list[str] = []
    for lab_id in catalogue():
        folder = folder_of(lab_id)
        problems += problems_of(lab_id, folder)
        if (view := folder / VIEW).is_file():
            name = views[lab_id] = f"labs/{lab_id}/{VIEW}"
            texts[name] = view.read_text(encoding="utf-8"), str(view), None
    if problems:
        raise ValueError("; ".join(problems))
    known: BaseLoader = app.jinja_loader or ChoiceLoader([])
    app.jinja_loader = ChoiceLoader([known, FunctionLoader(texts.get)])
    app.jinja_env.globals["view_of"] = views.get


def problems_of(lab_id: str, folder: Path) -> list[str]:
    """What is wrong with the page files of a lab's folder; ValueError if it can't be read."""
    files = [path.name for path in files_in(folder) if path.suffix in OF_A_PAGE]
    if files and VIEW not in files:
        return [f"The lab {lab_id} has {', '.join(files)}, and no {VIEW} that shows them"]
    return [
        f"The lab {lab_id} has {name}, and its view is {VIEW}"
        for name in files
        if name.endswith(".html") and name != VIEW
    ]
