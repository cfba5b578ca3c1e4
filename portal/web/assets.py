"""Files under static/: addressed by the hash of them all, so that a browser may keep them for ever
and still never has an old one.

The hash stands in the path, not behind a question mark: modules that import each other by relative
names then get the same version, and the same module is never loaded twice under two names.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, send_from_directory, url_for

from portal.settings import ROOT

FOLDER = ROOT / "static"
FOR_EVER = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Serve the files and give templates `asset('css/tokens.css')`."""
    version = hash_of(FOLDER)

    def static(filename: str) -> Response:
        asked, _, rest = filename.partition("/")
        if asked == version:
            response = send_from_directory(FOLDER, rest, conditional=True)
            response.headers["Cache-Control"] = FOR_EVER
            return response
        if asked.startswith("v-"):
            filename = rest
        response = send_from_directory(FOLDER, filename, conditional=True)
        response.headers["Cache-Control"] = "no-cache"
        return response

    @cache
    def asset(name: str) -> str:
        return url_for("static", filename=f"{version}/{name}")

    app.add_url_rule("/static/<path:filename>", "static", static)
    app.jinja_env.globals["asset"] = asset


@cache
def hash_of(folder: Path) -> str:
    """A short name for what the folder's files hold together."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(
                path.relative_to(folder).as_posix().encode()
                + b"\0"
                + hashlib.sha256(path.read_bytes()).digest()
            )
    return "v-" + digest.hexdigest()[:12]
