"""The page /glossary: every term of the course, with an anchor of its own."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.web.services import course

bp = Blueprint("glossary", __name__)


@bp.get("/glossary")
def glossary() -> str:
    """All terms by their first letter, with their lessons and related terms."""
    return render_template(
        "glossary/glossary.html", place="glossary", glossary=course().glossary, course=course()
    )
