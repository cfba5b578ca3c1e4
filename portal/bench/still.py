"""What a bench shows before a learner has touched it: the same for everyone, so rendered once."""

from __future__ import annotations

from flask import render_template
from markupsafe import Markup

from portal.bench.places import page_url
from portal.bench.view import Bench
from portal.web.once import gap, once


def still(bench: Bench) -> Markup:
    """The drawings of a bench that is not open: they depend on the lab and the chosen engines."""
    engines = tuple(bench.settings[control.name] for control in bench.engine_controls)
    return once(
        ("still", bench.lab.id, bench.projector, engines),
        lambda: render_template("bench/_still.html", bench=bench),
    ).fill()


def next_to_lesson(bench: Bench) -> Markup:
    """The bench in the page of a lesson."""
    if not bench.untouched:
        return Markup(render_template("bench/_bench.html", bench=bench, predictions=None))
    return once(
        ("bench", bench.lab.id),
        lambda: render_template(
            "bench/_bench.html", bench=bench, predictions=None, page_url=lambda: gap("next")
        ),
    ).fill(next=page_url())
