"""Files under static/, and those of labs' own views: addressed by the hash of them all, so that a
browser may keep them for ever and still never has an old one.

The hash stands in the path, not behind a question mark: modules that import each other by relative
names then get the same version, and the same module is never loaded twice under two names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, send_file, url_for

from labs.client import catalogue, folder_of
from portal.settings import ROOT

FOLDER = ROOT / "static"
FOR_EVER = "public, max-age=31536000, immutable"
OF_A_VIEW = re.compile(r"[a-z-]+\.(js|css)")


def install(app: Flask) -> None:
    """Serve the files that are there now; give templates `asset('css/tokens.css')`, an error for
    another.
    """
    files = dict(_files())
    version = _version(files)

    def static(filename: str) -> Response:
        asked, _, rest = filename.partition("/")
        name = rest if asked.startswith("v-") else filename
        response = send_file(files.get(name) or abort(404), conditional=True)
        response.headers["Cache-Control"] = FOR_EVER if asked == version else "no-cache"
        return response

    @cache
    def asset(name: str) -> str:
        if name not in files:
            raise FileNotFoundError(f"There is no asset {name}.")
        return url_for("static", filename=f"{version}/{name}")

    app.add_url_rule("/static/<path:filename>", "static", static)
    app.jinja_env.globals["asset"] = asset


def files_in(folder: Path) -> list[Path]:
    """What is in a lab's folder, sorted; ValueError says why it can't be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as exc:
        raise ValueError(f"The lab's folder {folder} can't be read: {exc.strerror}.") from exc


def _files() -> Iterator[tuple[str, Path]]:
    """Each file with its name: `labs/<id>/view.js` is in a lab's folder, others are in static/."""
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            yield path.relative_to(FOLDER).as_posix(), path
    for lab_id in catalogue():
        for path in files_in(folder_of(lab_id)):
            if OF_A_VIEW.fullmatch(path.name):
                yield f"labs/{lab_id}/{path.name}", path


def _version(files: Mapping[str, Path]) -> str:
    """A short name for what all the files hold together."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return "v-" + digest.hexdigest()[:12]
