"""A lesson's text as the page takes it: what is the same for everybody is rendered once, what
depends on who asks stays a block.
"""

from __future__ import annotations

from flask import current_app, render_template
from markupsafe import Markup

from labs.client import catalogue
from portal.content import PLAIN, Block, Instructor, Lesson

Pieces = tuple[Markup | Block, ...]
KEY = "cacheground.pieces"


def pieces(lesson: Lesson) -> Pieces:
    """The lesson's pieces in reading order; rendered at the first request of this app."""
    rendered: dict[str, Pieces] = current_app.extensions.setdefault(KEY, {})
    if lesson.slug not in rendered:
        rendered[lesson.slug] = _render(lesson)
    return rendered[lesson.slug]


def _render(lesson: Lesson) -> Pieces:
    done: list[Markup | Block] = []
    plain = Markup()
    for index, block in enumerate(lesson.blocks):
        if isinstance(block, PLAIN):
            plain += Markup(
                render_template(
                    block.template, block=block, lesson=lesson, index=index, labs=catalogue()
                )
            )
        elif not isinstance(block, Instructor):
            done += [plain, block]
            plain = Markup()
    return (*done, plain)
