"""Files under static/, and those of labs' own views: addressed by the hash of them all, so that a
browser may keep them for ever and still never has an old one.

The hash stands in the path, not behind a question mark: modules that import each other by relative
names then get the same version, and the same module is never loaded twice under two names.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, send_file, url_for
from werkzeug.security import safe_join

from labs.client import catalogue, folder_of
from portal.settings import ROOT

FOLDER = ROOT / "static"
FOR_EVER = "public, max-age=31536000, immutable"
OF_A_VIEW = re.compile(r"[a-z-]+\.(js|css)")


def install(app: Flask) -> None:
    """Serve the files and give templates `asset('css/tokens.css')`; a file that is not there is an
    error.
    """
    version = _version()

    def static(filename: str) -> Response:
        asked, _, rest = filename.partition("/")
        if asked == version:
            response = send_file(path_of(rest) or abort(404), conditional=True)
            response.headers["Cache-Control"] = FOR_EVER
            return response
        if asked.startswith("v-"):
            filename = rest
        response = send_file(path_of(filename) or abort(404), conditional=True)
        response.headers["Cache-Control"] = "no-cache"
        return response

    @cache
    def asset(name: str) -> str:
        if path_of(name) is None:
            raise FileNotFoundError(f"There is no asset {name}.")
        return url_for("static", filename=f"{version}/{name}")

    app.add_url_rule("/static/<path:filename>", "static", static)
    app.jinja_env.globals["asset"] = asset


def path_of(name: str) -> Path | None:
    """The file of this name: `labs/<id>/view.js` is in a lab's folder, others are in static/."""
    prefix, _, rest = name.partition("/")
    if prefix == "labs":
        lab_id, _, file = rest.partition("/")
        if lab_id not in catalogue() or not OF_A_VIEW.fullmatch(file):
            return None
        found = folder_of(lab_id) / file
    else:
        joined = safe_join(str(FOLDER), name)
        if joined is None:
            return None
        found = Path(joined)
    with contextlib.suppress(OSError):  # a name that no file can have
        return found if found.is_file() else None
    return None


def _version() -> str:
    """A short name for what all the files hold together."""
    digest = hashlib.sha256()
    for name, path in _files():
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return "v-" + digest.hexdigest()[:12]


def _files() -> Iterator[tuple[str, Path]]:
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            yield path.relative_to(FOLDER).as_posix(), path
    for lab_id in catalogue():
        for path in sorted(folder_of(lab_id).iterdir()):
            if OF_A_VIEW.fullmatch(path.name):
                yield f"labs/{lab_id}/{path.name}", path
