"""The page /patterns: every component with sample data, in light and in dark."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, render_template

from portal.patterns import groups, learning, samples
from portal.patterns.flights import sample_flight
from portal.web.services import course

bp = Blueprint("patterns", __name__)


@bp.get("/patterns")
def patterns() -> str:
    """Every component, marked as a sample."""
    controls = [(samples.SEGMENTS, "redis"), (samples.SELECT, "page"), (samples.FADER, 60.0)]
    return render_template(
        "patterns/patterns.html",
        bench=samples.bench(),
        states=samples.states(),
        drawings={"states": (samples.drawing(4), samples.drawing(2))},
        controls=controls,
        groups=groups.SAMPLES,
        guides=learning.guides(),
        calibration=learning.calibration(),
        puzzle=learning.puzzle(),
        end=learning.end(),
        course=course(),
    )


@bp.get("/patterns/flights/<name>.json")
def flight(name: str) -> Response:
    """A made-up flight for the recorder on that page."""
    try:
        return jsonify(sample_flight(name))
    except KeyError:
        abort(404)
