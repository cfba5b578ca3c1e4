"""The page /patterns: every component with sample data."""

from __future__ import annotations

from flask import Blueprint, render_template

bp = Blueprint("patterns", __name__)


@bp.get("/patterns")
def patterns() -> str:
    """Every component, marked as a sample."""
    return render_template("patterns/patterns.html", place="")
