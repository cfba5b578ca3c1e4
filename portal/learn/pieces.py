"""A lesson's text as the page takes it. What is the same for everyone is rendered when the app
starts; what depends on the learner stays a block.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import Flask, current_app, render_template
from markupsafe import Markup

from labs.client import catalogue
from portal.content.model import PLAIN, Block, Instructor, Lesson
from portal.learn.own_figures import Quoted, quoted_in

Pieces = tuple[Markup | Block, ...]
KEY = "cacheground.pieces"
FIGURES = "cacheground.figures"


def install(app: Flask, lessons: Iterable[Lesson]) -> None:
    """Render every lesson, for `pieces`. The app has all its routes by then."""
    with app.test_request_context():
        rendered = {lesson.slug: _render(lesson) for lesson in lessons}
    app.extensions[KEY] = rendered
    app.extensions[FIGURES] = {slug: quoted_in(each) for slug, each in rendered.items()}


def pieces(lesson: Lesson) -> Pieces:
    """The lesson's pieces in reading order."""
    rendered: dict[str, Pieces] = current_app.extensions[KEY]
    return rendered[lesson.slug]


def figures(lesson: Lesson) -> Quoted:
    """The figures that the lesson quotes."""
    quoted: dict[str, Quoted] = current_app.extensions[FIGURES]
    return quoted[lesson.slug]


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
