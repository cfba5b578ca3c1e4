"""Where a form or a fragment stood, so that its answer leads back there and nowhere else."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from flask import g, request, url_for

# A browser leaves tabs and line ends out: `/<tab>/elsewhere` would lead to another site.
HERE = re.compile(r"/(?!/)[^\x00-\x20\x7f\\]*")


def way_back(asked: str, fallback: str) -> str:
    """The page to go back to: `asked` if it is one of this site, else `fallback`."""
    return asked if HERE.fullmatch(asked) and HERE.fullmatch(unquote(asked)) else fallback


def page_url() -> str:
    """The address of the page, from its path on; for a fragment, of the page that asked for it.
    Every card of a page asks for it: worked out once a request.
    """
    if "page_url" not in g:
        g.page_url = _page_url()
    found: str = g.page_url
    return found


def _page_url() -> str:
    asked = request.headers.get("HX-Current-URL", "")
    if request.headers.get("HX-Request") == "true" and asked:
        page = _local(asked, "/labs")
        return _next_to(page) if request.args.get("on") == "lesson" else page
    if request.method == "GET":
        return request.full_path.rstrip("?")
    return _local(request.referrer or "", "/labs")


def page_before(lab_id: str) -> str:
    """The address of the page that the form stood on, else of this lab."""
    return _local(request.referrer or "", url_for("bench.lab", lab_id=lab_id))


def page_of_form(lab_id: str) -> str:
    """The page of this site that the form's `next` names, else the one that it stood on."""
    return way_back(request.form.get("next", ""), page_before(lab_id))


def with_word(page: str, name: str, value: str) -> str:
    """The address of a page with this word in its query."""
    path, _, query = page.partition("?")
    words = [(known, said) for known, said in parse_qsl(query) if known != name]
    return f"{path}?{urlencode([*words, (name, value)])}"


def _next_to(lesson: str) -> str:
    """The lesson with this bench next to it: it may have several labs, its address says which."""
    asked = {
        name: value for name, value in request.args.items() if name not in ("on", "was", "place")
    }
    query = urlencode({"lab": (request.view_args or {}).get("lab_id", ""), **asked})
    return f"{lesson.partition('?')[0]}?{query}"


def _local(url: str, fallback: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return fallback
    if parts.netloc.lower() != request.host.lower():
        return fallback
    return way_back(parts.path + (f"?{parts.query}" if parts.query else ""), fallback)
