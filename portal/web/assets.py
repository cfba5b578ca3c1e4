"""Files under static/, those of labs' own views, and bundles of style sheets: addressed by the hash
of them all, so that a browser may keep them for ever and still never has an old one.

The hash stands in the path, not behind a question mark: modules that import each other by relative
names then get the same version, and the same module is never loaded twice under two names.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, request, url_for

from labs.client import catalogue, folder_of
from portal.settings import ROOT
from portal.web.bundles import bundled
from portal.web.compression import declare, packed_once, takes_gzip

FOLDER = ROOT / "static"
FOR_EVER = "public, max-age=31536000, immutable"
OF_A_VIEW = re.compile(r"[a-z-]+\.(js|css)")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it was when the app started."""

    content: bytes
    mimetype: str
    digest: str

    def answer(self) -> Response:
        """The file, or 304 to a browser that has it; compressed if that is asked for."""
        packed = packed_once(self.content, self.mimetype)
        compressed = packed is not None and takes_gzip()
        response = Response(packed if compressed else self.content, mimetype=self.mimetype)
        response.set_etag(self.digest)
        if packed is not None:
            declare(response, compressed=compressed)
        response.make_conditional(request)
        return response


def install(app: Flask) -> None:
    """Serve the files that are there now; give templates `asset('css/tokens.css')`, an error for
    another.
    """
    contents = {name: path.read_bytes() for name, path in _files()}
    files = {name: _asset(name, content) for name, content in contents.items()}
    files |= {name: _asset(name, content) for name, content in bundled(contents)}
    version = _version(files)

    def static(filename: str) -> Response:
        asked, _, rest = filename.partition("/")
        name = rest if asked.startswith("v-") else filename
        found = files.get(name) or abort(404)
        response = found.answer()
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


def _asset(name: str, content: bytes) -> Asset:
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(content, mimetype, hashlib.sha256(content).hexdigest())


def _version(files: Mapping[str, Asset]) -> str:
    """A short name for what all the files hold together."""
    digest = hashlib.sha256()
    for name, asset in files.items():
        digest.update(name.encode() + b"\0" + bytes.fromhex(asset.digest))
    return "v-" + digest.hexdigest()[:12]
