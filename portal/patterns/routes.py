"""The page /patterns: every component with sample data, in light and in dark."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.patterns import samples

bp = Blueprint("patterns", __name__)


@bp.get("/patterns")
def patterns() -> str:
    """Every component, marked as a sample."""
    controls = [(samples.SEGMENTS, "redis"), (samples.SELECT, "page"), (samples.FADER, 60.0)]
    return render_template("patterns/patterns.html", bench=samples.bench(), drawing=samples.drawing(), controls=controls)
