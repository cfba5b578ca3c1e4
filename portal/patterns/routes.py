"""The page /patterns: every component with sample data, in light and in dark."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.drawing import narrow, wide
from portal.patterns import groups, samples

bp = Blueprint("patterns", __name__)


@bp.get("/patterns")
def patterns() -> str:
    """Every component, marked as a sample."""
    controls = [(samples.SEGMENTS, "redis"), (samples.SELECT, "page"), (samples.FADER, 60.0)]
    failover = samples.failover()
    drawings = {"states": (samples.drawing(4), samples.drawing(2)), "failover": (wide(failover.lab.topology), narrow(failover.lab.topology))}
    return render_template("patterns/patterns.html", bench=samples.bench(), failover=failover, drawings=drawings, controls=controls, groups=groups.SAMPLES)
