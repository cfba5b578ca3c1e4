"""Pages of one learner each, kept in this process until something of that learner changes.

A page is kept under a stamp that goes when anything changes that it is made of; whoever changes
something sees to that (Cache.forget after the commit). What moves by itself, as an open bench does,
is never kept.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import Flask, current_app, g, request, session

from portal.web.fragments import wants_fragment

KEY = "cacheground.pages"
ROOM = 200
_FORM_KEY = re.compile(r'(?<=<input type="hidden" name="key" value=")[0-9a-f]{32}(?=")')

Parts = tuple[bytes, ...]
"""A page as it is sent, cut where each of its forms has a key."""


class Pages:
    """So many pages, the least used go first. Threads may share it."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._pages: OrderedDict[tuple[str, str], tuple[str, Parts]] = OrderedDict()

    def find(self, learner: str, address: str, stamp: str) -> Parts | None:
        """The page as it was kept under this stamp."""
        with self._lock:
            kept, page = self._pages.get((learner, address), ("", ()))
            if kept != stamp:
                return None
            self._pages.move_to_end((learner, address))
            return page

    def keep(self, learner: str, address: str, stamp: str, page: Parts) -> None:
        """Keep a page in place of the learner's last one of this address."""
        with self._lock:
            self._pages[learner, address] = (stamp, page)
            self._pages.move_to_end((learner, address))
            if len(self._pages) > self._room:
                self._pages.popitem(last=False)


def install(app: Flask) -> None:
    """Give the app its kept pages."""
    app.extensions[KEY] = Pages()


def own_page(learner: str, stamp: str, render: Callable[[], str]) -> str | bytes:
    """This learner's page of the address that is asked for: as it was kept under this stamp, else
    rendered. Each form in it can be sent once.
    """
    if wants_fragment() or "_flashes" in session:
        return render()
    pages: Pages = current_app.extensions[KEY]
    address = f"{request.path}?{request.query_string.decode('latin-1')}"
    kept = pages.find(learner, address, stamp)
    if kept is not None:
        first, *others = kept
        return b"".join((first, *(secrets.token_hex(16).encode() + part for part in others)))
    page = render()
    if not g.get("moves"):
        pages.keep(learner, address, stamp, tuple(part.encode() for part in _FORM_KEY.split(page)))
    return page


def moves() -> None:
    """The page that is being made changes by itself: it is not kept."""
    g.moves = True
